"""The binding between Hearthgrid's algorithms and ROS 2: names, types, quality of service, parameters, conversions.

Nothing here decides; what decides is in `hearthgrid_core`.
"""
