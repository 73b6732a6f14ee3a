"""The algorithms of Hearthgrid: values in, values out.

Nothing below here imports rclpy, launch, a message package, sockets, clocks or files, or draws a number at random
without being given the generator. What happens depends on the arguments alone, so the nodes, the deterministic
simulator and the tests run the same code.
"""
