"""The utility's programme of demand response over OpenADR 2.0b or 3.1, as a node."""
