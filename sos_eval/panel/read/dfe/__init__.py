"""Tables that the DfE and the ONS publish by authority and year: which file is which, and what its cells say."""
