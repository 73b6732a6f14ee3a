/* The kernel as this application wants it: three tasks, notifications, and nothing allocated. */
#ifndef FREERTOS_CONFIG_H
#define FREERTOS_CONFIG_H

#ifndef __ASSEMBLER__
#include <stdint.h>
extern uint32_t hg_port_clock; /* of the core, set before the scheduler starts [Hz] */
void hg_port_halt(const char *reason);
#endif

#define configCPU_CLOCK_HZ hg_port_clock
#define configTICK_RATE_HZ 1000U
#define configTICK_TYPE_WIDTH_IN_BITS TICK_TYPE_WIDTH_32_BITS
#define configUSE_PREEMPTION 1
#define configUSE_TIME_SLICING 0
#define configUSE_PORT_OPTIMISED_TASK_SELECTION 1
#define configUSE_TICKLESS_IDLE 0 /* the converter wakes the core 6400 times a second anyway */
#define configMAX_PRIORITIES 4
#define configMINIMAL_STACK_SIZE 160 /* words, of the idle task */
#define configMAX_TASK_NAME_LEN 12
#define configSTACK_DEPTH_TYPE uint32_t
#define configTASK_NOTIFICATION_ARRAY_ENTRIES 1
#define configUSE_TASK_NOTIFICATIONS 1

#define configSUPPORT_STATIC_ALLOCATION 1
#define configSUPPORT_DYNAMIC_ALLOCATION 0
#define configKERNEL_PROVIDED_STATIC_MEMORY 0

#define configUSE_TIMERS 0
#define configUSE_MUTEXES 0
#define configUSE_COUNTING_SEMAPHORES 0
#define configUSE_EVENT_GROUPS 0
#define configUSE_STREAM_BUFFERS 0
#define configQUEUE_REGISTRY_SIZE 0
#define configUSE_TRACE_FACILITY 0
#define configENABLE_BACKWARD_COMPATIBILITY 0

#define configUSE_IDLE_HOOK 1 /* sleeps until the next interrupt */
#define configUSE_TICK_HOOK 1 /* counts on where the tick wraps around, after 49 days */
#define configCHECK_FOR_STACK_OVERFLOW 2

/* The upper four bits count on STM32, all eight in QEMU. The converter's interrupt is above the kernel's mask, so that
 * no critical section delays protection; it may not call the kernel, and does not. */
#define configKERNEL_INTERRUPT_PRIORITY 0xf0
#define configMAX_SYSCALL_INTERRUPT_PRIORITY 0x50
#define HG_CONVERTER_PRIORITY 0x10

#define configASSERT(x) \
  if ((x) == 0) { \
    hg_port_halt("the kernel found an impossible state"); \
  }

#define INCLUDE_xTaskDelayUntil 1
#define INCLUDE_vTaskDelay 1
#define INCLUDE_uxTaskGetStackHighWaterMark 1
#define INCLUDE_xTaskGetIdleTaskHandle 1
#define INCLUDE_xTaskGetSchedulerState 1

#define vPortSVCHandler SVC_Handler
#define xPortPendSVHandler PendSV_Handler
#define xPortSysTickHandler SysTick_Handler
#endif
