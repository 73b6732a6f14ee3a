"""A whole home: `ros2 launch hearthgrid home.launch.py [home:=FILE] [state_dir:=FOLDER] [simulation:=false] …`."""

from hearthgrid.launching import description


def generate_launch_description():
    return description()
