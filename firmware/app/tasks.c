#include "tasks.h"

#include "FreeRTOS.h"
#include "task.h"

#define CONTROL_STACK 2048U /* words */
#define ANALYSIS_STACK 2048U
#ifdef HG_MICRO_ROS
#define COMMS_STACK 2048U
#else
#define COMMS_STACK 1024U
#endif
#define OVERFLOW (UINT64_C(1) << 32)

static struct hg_app *application;
static hg_tasks_settings_t wanted;
static hg_tasks_report_t told;
static volatile uint32_t samples, wraps;

static StaticTask_t blocks[HG_TASKS];
static TaskHandle_t handles[HG_TASKS];
static StackType_t control_stack[CONTROL_STACK], analysis_stack[ANALYSIS_STACK], comms_stack[COMMS_STACK],
    idle_stack[configMINIMAL_STACK_SIZE];

double hg_tasks_now(void *context)
{
  (void)context;
  uint32_t before, ticks, after;
  do { /* the tick's interrupt may come between */
    before = wraps;
    ticks = xTaskGetTickCount();
    after = wraps;
  } while (before != after);
  return ((double)before * (double)OVERFLOW + (double)ticks) / configTICK_RATE_HZ;
}

void vApplicationTickHook(void)
{
  if (xTaskGetTickCountFromISR() == 0) {
    wraps++;
  }
}

void vApplicationIdleHook(void)
{
  if (wanted.idle != NULL) {
    wanted.idle();
  }
}

void vApplicationStackOverflowHook(TaskHandle_t task, char *name)
{
  (void)task;
  hg_port_halt(name);
}

void vApplicationGetIdleTaskMemory(StaticTask_t **block, StackType_t **stack, configSTACK_DEPTH_TYPE *words)
{
  *block = &blocks[HG_TASK_IDLE];
  *stack = idle_stack;
  *words = configMINIMAL_STACK_SIZE;
}

bool hg_tasks_sample(int16_t voltage, int16_t current)
{
  samples++;
  return hg_app_sample(application, voltage, current);
}

static uint32_t greater(uint32_t a, uint32_t b) { return a > b ? a : b; }

static void control(void *context)
{
  TickType_t due = xTaskGetTickCount();
  uint32_t before = samples;
  (void)context;
  for (;;) {
    const uint32_t late = xTaskGetTickCount() - due, count = samples - before;
    before += count;
    if (told.steps > 1) { /* the first are the start's */
      told.late += late > 0;
      told.latest = greater(told.latest, late);
      told.most = greater(told.most, count);
      told.fewest = told.steps == 2 || count < told.fewest ? count : told.fewest;
    }
    hg_app_control(application, hg_tasks_now(NULL));
    if (hg_app_window(application)) {
      xTaskNotifyGive(handles[HG_TASK_ANALYSIS]);
    }
    if (wanted.alive != NULL) {
      wanted.alive();
    }
    told.steps++;
    told.worst = greater(told.worst, xTaskGetTickCount() - due);
    vTaskDelayUntil(&due, pdMS_TO_TICKS(HG_CONTROL_PERIOD));
  }
}

static void analysis(void *context)
{
  (void)context;
  for (;;) {
    ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    const TickType_t begin = xTaskGetTickCount();
    const hg_status_t status = hg_app_analyse(application, hg_tasks_now(NULL));
    told.windows += status == HG_OK;
    told.overrun += status == HG_ERROR_OVERRUN;
    told.window_worst = greater(told.window_worst, xTaskGetTickCount() - begin);
  }
}

static void comms(void *context)
{
  (void)context;
  for (;;) {
    const uint32_t sleep = wanted.comms(application, hg_tasks_now(NULL));
    vTaskDelay(pdMS_TO_TICKS(greater(sleep, 1)));
  }
}

void hg_tasks_report(hg_tasks_report_t *report)
{
  static const uint32_t WORDS[HG_TASKS] = {CONTROL_STACK, ANALYSIS_STACK, COMMS_STACK, configMINIMAL_STACK_SIZE};
  handles[HG_TASK_IDLE] = xTaskGetIdleTaskHandle();
  *report = told;
  for (int k = 0; k < HG_TASKS; k++) {
    report->stack[k] = WORDS[k] * (uint32_t)sizeof(StackType_t);
    report->unused[k] = (uint32_t)(uxTaskGetStackHighWaterMark(handles[k]) * sizeof(StackType_t));
  }
}

void hg_tasks_run(struct hg_app *app, const hg_tasks_settings_t *settings)
{
  static const struct {
    TaskFunction_t run;
    const char *name;
    StackType_t *stack;
    uint32_t words;
  } TASKS[] = {{control, "control", control_stack, CONTROL_STACK}, {analysis, "analysis", analysis_stack, ANALYSIS_STACK},
               {comms, "comms", comms_stack, COMMS_STACK}};
  application = app;
  wanted = *settings;
  for (int k = HG_TASK_COMMS; k >= 0; k--) {
    handles[k] = xTaskCreateStatic(TASKS[k].run, TASKS[k].name, TASKS[k].words, NULL, (UBaseType_t)(3 - k),
                                   TASKS[k].stack, &blocks[k]);
  }
  wanted.begin();
  vTaskStartScheduler();
  hg_port_halt("the scheduler did not start");
}
