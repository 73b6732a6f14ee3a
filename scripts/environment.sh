# Sourced: the environment of this workspace, for `colcon`, `ros2`, `python` and `hearthgrid`.
HEARTHGRID_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export HEARTHGRID_ROOT HEARTHGRID_VENV=$HEARTHGRID_ROOT/.venv
case $- in *u*) _strict=u ;; *) _strict= ;; esac
set +u # the scripts of ROS and colcon read variables that may be unset
if [ -e "$HEARTHGRID_VENV/ros_setup" ]; then # ROS 2 as installed
    source "$(cat "$HEARTHGRID_VENV/ros_setup")"
elif [ -e "$HEARTHGRID_VENV/lib/librcl.so" ]; then # ROS 2 from wheels
    export ROS_DISTRO=kilted ROS_VERSION=2 ROS_PYTHON_VERSION=3 RMW_IMPLEMENTATION=rmw_fastrtps_cpp
    export AMENT_PREFIX_PATH=$HEARTHGRID_VENV CMAKE_PREFIX_PATH=$HEARTHGRID_VENV
    # Set here, the wheels' bootstrapper need not start every Python twice.
    _libraries=$HEARTHGRID_VENV/lib
    for _folder in "$HEARTHGRID_VENV"/lib/python3*/site-packages/ros_*.libs; do
        [ -d "$_folder" ] && _libraries=$_libraries:$_folder
    done
    export LD_LIBRARY_PATH=$_libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} _ROS_WHEELS_BOOTSTRAP_COMPLETE=1
    unset _libraries _folder
fi
export ROS_AUTOMATIC_DISCOVERY_RANGE=${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}
if [ "$ROS_AUTOMATIC_DISCOVERY_RANGE" = LOCALHOST ]; then
    export FASTDDS_DEFAULT_PROFILES_FILE=${FASTDDS_DEFAULT_PROFILES_FILE:-$HEARTHGRID_ROOT/config/fastdds.xml}
fi
case ":$PATH:" in *":$HEARTHGRID_VENV/bin:"*) ;; *) export PATH=$HEARTHGRID_VENV/bin:$PATH ;; esac
if [ -e "$HEARTHGRID_ROOT/install/local_setup.bash" ]; then
    source "$HEARTHGRID_ROOT/install/local_setup.bash"
fi
if [ -n "$_strict" ]; then set -u; fi
unset _strict
