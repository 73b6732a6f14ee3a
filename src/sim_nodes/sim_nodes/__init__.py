"""The simulated house as a ROS 2 node: what stands in for hardware, and nothing that decides."""
