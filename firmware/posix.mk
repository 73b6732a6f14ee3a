# make posix           the outlet as a ROS 2 node of this machine: build/outlet SETTINGS
# make posix-sanitize  … under address and undefined-behaviour sanitizers: build/outlet-sanitize
# AMENT_PREFIX_PATH    where ROS 2 and hearthgrid_msgs are, as `source install/setup.bash` or the wheels' environment sets it
PREFIXES := $(subst :, ,$(AMENT_PREFIX_PATH))
ROS_INCLUDE := $(foreach p,$(PREFIXES),$(patsubst %,-isystem %,$(wildcard $(p)/include $(p)/include/*)))
# Wheels of ROS 2 carry foreign libraries in folders that only Python's start finds: they are named here instead. An old
# kind of run-time path, since it holds for the libraries' own libraries too.
ROS_FOLDERS := $(foreach p,$(PREFIXES),$(p)/lib $(wildcard $(p)/lib/python3*/site-packages/ros_*.libs))
ROS_LIBRARIES := -Wl,--disable-new-dtags -Wl,--allow-shlib-undefined -Wl,--unresolved-symbols=ignore-in-shared-libs \
	$(foreach f,$(ROS_FOLDERS),-L$(f) -Wl,-rpath,$(f))
ROS_LINK := $(addprefix -l,hearthgrid_msgs__rosidl_typesupport_c hearthgrid_msgs__rosidl_generator_c \
	action_msgs__rosidl_typesupport_c action_msgs__rosidl_generator_c \
	diagnostic_msgs__rosidl_typesupport_c diagnostic_msgs__rosidl_generator_c rcl rmw rcutils rosidl_runtime_c) \
	$(if $(wildcard $(PREFIXES:%=%/lib/librmw_implementation.so)),-lrmw_implementation)
POSIX_SOURCES := $(CORE) $(filter-out app/tasks.c app/transport%,$(wildcard app/*.c)) $(wildcard ports/posix/*.c)
POSIX_HEADERS := $(wildcard core/*.h app/*.h ports/posix/*.h)
# The ROS headers are not made for -Wpedantic; core, application and port are compiled with everything else.
POSIX_FLAGS := $(filter-out -Wpedantic,$(WARNINGS)) -g -Icore -Iapp -Iports/posix $(ROS_INCLUDE)

# The wheels' rcl is linked with the messages' Python halves, which look for an interpreter's variables. Nobody calls them.
PYTHON_HALVES := $(wildcard $(PREFIXES:%=%/lib/librcl_interfaces__rosidl_generator_py.so) \
	$(PREFIXES:%=%/lib/libservice_msgs__rosidl_generator_py.so))

$(BUILD)/no_python.c: posix.mk
	mkdir -p $(@D)
	$(if $(PYTHON_HALVES),nm -D --undefined-only $(PYTHON_HALVES),true) | grep -oE '\b_?Py[A-Za-z_]+$$' | sort -u | \
		sed 's/.*/extern char &; char & __attribute__((weak)) = 0;/' > $@

# The node without its program, for tests that drive it by a clock of their own: Python is there already.
posix-library: $(BUILD)/outlet.so

posix: $(BUILD)/outlet
posix-sanitize: $(BUILD)/outlet-sanitize

$(BUILD)/outlet: POSIX_MODE := -O2
$(BUILD)/outlet-sanitize: POSIX_MODE := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined

$(BUILD)/outlet $(BUILD)/outlet-sanitize: $(POSIX_SOURCES) $(POSIX_HEADERS) $(BUILD)/no_python.c
	@test -n "$(wildcard $(PREFIXES:%=%/include/rcl/rcl/rcl.h))" || \
		{ echo "no rcl headers under AMENT_PREFIX_PATH ($(AMENT_PREFIX_PATH)): source ROS 2 or the project's environment" >&2; exit 1; }
	@test -n "$(wildcard $(PREFIXES:%=%/include/hearthgrid_msgs/hearthgrid_msgs/msg/reading.h))" || \
		{ echo "hearthgrid_msgs is not built, or not under AMENT_PREFIX_PATH ($(AMENT_PREFIX_PATH))" >&2; exit 1; }
	mkdir -p $(@D)
	$(CC) $(POSIX_FLAGS) $(POSIX_MODE) $(POSIX_SOURCES) $(BUILD)/no_python.c -rdynamic $(ROS_LIBRARIES) $(ROS_LINK) -lm -o $@.new
	mv $@.new $@

$(BUILD)/outlet.so: $(POSIX_SOURCES) $(POSIX_HEADERS)
	mkdir -p $(@D)
	$(CC) $(POSIX_FLAGS) -O2 -shared -fPIC $(filter-out %/main.c,$(POSIX_SOURCES)) $(ROS_LIBRARIES) $(ROS_LINK) -lm -o $@.new
	mv $@.new $@

.PHONY: posix posix-library posix-sanitize
