#include "FreeRTOS.h"
#include "task.h"

void SVC_Handler(void);
void PendSV_Handler(void);
void SysTick_Handler(void);

void SVC_Handler(void) {}
void PendSV_Handler(void) {}
void SysTick_Handler(void) { vApplicationTickHook(); }
TickType_t xTaskGetTickCount(void) { return 0; }
TickType_t xTaskGetTickCountFromISR(void) { return 0; }
TaskHandle_t xTaskCreateStatic(TaskFunction_t run, const char *name, uint32_t words, void *context, UBaseType_t priority,
                               StackType_t *stack, StaticTask_t *block)
{
  (void)name;
  (void)words;
  (void)priority;
  (void)stack;
  run(context);
  return (TaskHandle_t)block;
}
void vTaskStartScheduler(void)
{
  StaticTask_t *block;
  StackType_t *stack;
  uint32_t words;
  vApplicationGetIdleTaskMemory(&block, &stack, &words);
  vApplicationIdleHook();
  vApplicationStackOverflowHook(0, "");
}
void vTaskDelay(TickType_t ticks) { (void)ticks; }
BaseType_t xTaskDelayUntil(TickType_t *before, TickType_t ticks) { return (long)(*before += ticks); }
BaseType_t xTaskNotifyGive(TaskHandle_t task) { return task != 0; }
uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t patience) { return patience + (uint32_t)clear; }
UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task) { return task != 0; }
TaskHandle_t xTaskGetIdleTaskHandle(void) { return 0; }
BaseType_t xTaskGetSchedulerState(void) { return taskSCHEDULER_RUNNING; }
