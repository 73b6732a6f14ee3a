# make app                      the application for a board: build/PORT/outlet.elf
# PORT=mps2_an500|stm32f767|stm32h743
# FREERTOS=dir    the kernel: include/ and libfreertos.a, made for this processor with app/FreeRTOSConfig.h
# MICRO_ROS=dir   the agent's client: include/ and libmicroros.a, made with app/colcon.meta; without it nobody is talked to
# OUTLET=name     the outlet's name in the home; NOMINAL=60 for 60 Hz
# DOMAIN=number   of ROS 2, with micro-ROS
# REQUEST_KEY=hex BALLOT_KEY=hex   the outlet's key and the home's, from the home's key file; without them unsigned is believed
# make app-run    the application in QEMU
PORT ?= mps2_an500
OUTLET ?= outlet
NOMINAL ?= 50
DOMAIN ?= 0
APP := $(BUILD)/$(PORT)
FAMILY := $(if $(filter stm32%,$(PORT)),stm32,$(PORT))
APP_FLAGS := $(WARNINGS) -O2 -ffunction-sections -fdata-sections -DHG_OUTLET='"$(OUTLET)"' -DHG_NOMINAL=$(NOMINAL) \
	-DHG_BOARD -DHG_PORT_$(PORT) $(foreach key,REQUEST_KEY BALLOT_KEY,$(if $($(key)),-DHG_$(key)='"$($(key))"')) \
	-Icore -Iapp -Im7 -Iports/arm -Iports/$(FAMILY) -isystem $(FREERTOS)/include
APP_SOURCES := $(CORE) $(filter-out app/comms% app/transport.c,$(wildcard app/*.c)) $(wildcard ports/arm/*.c) \
	$(filter-out $(if $(MICRO_ROS),%/story.c,%/link.c),$(wildcard ports/$(FAMILY)/*.c))
APP_LIBRARIES := $(FREERTOS)/libfreertos.a
ifdef MICRO_ROS
# Every package of the client has a folder of its own below include/; messages: where hearthgrid_msgs was built into it.
APP_FLAGS += -DHG_MICRO_ROS -DHG_STATIC_MESSAGES -DHG_DOMAIN=$(DOMAIN) \
	$(patsubst %,-isystem %,$(MICRO_ROS)/include $(wildcard $(MICRO_ROS)/include/*/))
APP_SOURCES += $(wildcard app/comms*.c) app/transport.c
APP_LIBRARIES += $(MICRO_ROS)/libmicroros.a
endif
APP_OBJECTS := $(APP_SOURCES:%.c=$(APP)/%.o)

app: app-libraries $(APP)/outlet.elf

app-libraries:
	@test -n "$(FREERTOS)" || { echo "FREERTOS is not set: a folder with include/ and libfreertos.a, the FreeRTOS kernel" \
		"V11 (port GCC ARM_CM7 r0p1) made with app/FreeRTOSConfig.h; see docs/firmware.md"; exit 1; }
	@test -f "$(FREERTOS)/libfreertos.a" -a -f "$(FREERTOS)/include/FreeRTOS.h" || \
		{ echo "FREERTOS=$(FREERTOS) holds no libfreertos.a and include/FreeRTOS.h"; exit 1; }
	@test -z "$(MICRO_ROS)" -o -f "$(MICRO_ROS)/libmicroros.a" || \
		{ echo "MICRO_ROS=$(MICRO_ROS) holds no libmicroros.a"; exit 1; }
	@test -z "$(MICRO_ROS)" -o -n "$(wildcard $(MICRO_ROS)/include/rmw_microros $(MICRO_ROS)/include/*/rmw_microros)" || \
		{ echo "MICRO_ROS=$(MICRO_ROS) holds no include/rmw_microros"; exit 1; }
	@test -z "$(MICRO_ROS)" -o -n "$(wildcard $(MICRO_ROS)/include/hearthgrid_msgs)" || \
		{ echo "MICRO_ROS=$(MICRO_ROS) was made without hearthgrid_msgs (src/msgs)"; exit 1; }

$(APP)/%.o: %.c $(wildcard core/*.h app/*.h ports/arm/*.h ports/$(FAMILY)/*.h) ports/ports.mk | app-libraries
	@mkdir -p $(@D)
	$(ARM)gcc $(TARGET) $(APP_FLAGS) -c $< -o $@

$(APP)/outlet.elf: $(APP_OBJECTS) ports/$(FAMILY)/$(PORT).ld ports/arm/sections.ld
	$(ARM)gcc $(TARGET) $(APP_OBJECTS) $(APP_LIBRARIES) -nostartfiles --specs=nano.specs --specs=nosys.specs \
		-Lports/arm -T ports/$(FAMILY)/$(PORT).ld -Wl,--gc-sections -lm -o $@
	$(ARM)size $@

# The processor counts instructions, eight nanoseconds each: a core of 125 MHz at one instruction a cycle.
app-run: app
	qemu-system-arm -M mps2-an500 -nographic -semihosting -icount shift=3 -kernel $(APP)/outlet.elf

.PHONY: app app-libraries app-run
