"""The value of information: of parameters, of studies, and the smoothers behind them."""
