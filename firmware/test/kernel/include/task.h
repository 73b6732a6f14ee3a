#ifndef INC_TASK_H
#define INC_TASK_H
typedef struct tskTaskControlBlock *TaskHandle_t;
#define taskSCHEDULER_RUNNING ((BaseType_t)2)
TickType_t xTaskGetTickCount(void);
TickType_t xTaskGetTickCountFromISR(void);
TaskHandle_t xTaskCreateStatic(TaskFunction_t run, const char *name, uint32_t words, void *context, UBaseType_t priority,
                               StackType_t *stack, StaticTask_t *block);
void vTaskStartScheduler(void);
void vTaskDelay(TickType_t ticks);
BaseType_t xTaskDelayUntil(TickType_t *before, TickType_t ticks);
#define vTaskDelayUntil(before, ticks) (void)xTaskDelayUntil(before, ticks)
BaseType_t xTaskNotifyGive(TaskHandle_t task);
uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t patience);
UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task);
TaskHandle_t xTaskGetIdleTaskHandle(void);
BaseType_t xTaskGetSchedulerState(void);
void vApplicationTickHook(void);
void vApplicationIdleHook(void);
void vApplicationStackOverflowHook(TaskHandle_t task, char *name);
void vApplicationGetIdleTaskMemory(StaticTask_t **block, StackType_t **stack, uint32_t *words);
#endif
