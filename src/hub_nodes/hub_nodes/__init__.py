"""The functions of the hub: one node each; they meet only on topics and services."""
