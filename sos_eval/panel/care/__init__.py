"""From episodes of care to counts by authority and period: rules, spells, counts."""
