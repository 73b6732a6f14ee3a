/* The application under FreeRTOS: who runs when, on which stack. All memory is static.
 *
 *   converter's interrupt   above the kernel's mask: hg_tasks_sample
 *   control    priority 3   every 10 ms
 *   analysis   priority 2   when a window waits, looked for by control
 *   comms      priority 1   what the port gives: the agent, or nothing
 *   idle       priority 0   sleeps
 *
 * None waits for another: they meet in the application's mailboxes. */
#ifndef HEARTHGRID_TASKS_H
#define HEARTHGRID_TASKS_H

#include "app.h"

#define HG_CONTROL_PERIOD 10U /* [ms] */

enum { HG_TASK_CONTROL = 0, HG_TASK_ANALYSIS, HG_TASK_COMMS, HG_TASK_IDLE, HG_TASKS };

/* begin: switches the converter on, when the tasks are ready for samples. comms: one step of it, bounded in time; returns
 * how long it wants to sleep then [ms]. alive: after each control step, for a watchdog; idle: until the next
 * interrupt. The last two may be NULL. */
typedef struct {
  void (*begin)(void);
  uint32_t (*comms)(struct hg_app *app, double now);
  void (*alive)(void);
  void (*idle)(void);
} hg_tasks_settings_t;

/* late: control steps that began in a later tick than they should; latest: by how much at most [ms]. fewest, most:
 * samples between two control steps, the converter's own measure of the period. worst: longest control step and window
 * from begin to end, with what interrupts and more urgent tasks took [ms]. unused: of each stack, never touched [B]. */
typedef struct {
  uint32_t steps, late, latest, fewest, most, worst, windows, overrun, window_worst;
  uint32_t stack[HG_TASKS], unused[HG_TASKS];
} hg_tasks_report_t;

/* Monotonic time since the scheduler started, never wraps; a platform's `monotonic`. [s] */
double hg_tasks_now(void *context);

/* Start the tasks of an application that hg_app_init made ready; does not return. */
void hg_tasks_run(struct hg_app *app, const hg_tasks_settings_t *settings);

/* A pair of counts, from the converter's interrupt. Whether the relay must open at once. */
bool hg_tasks_sample(int16_t voltage, int16_t current);

/* From any task. */
void hg_tasks_report(hg_tasks_report_t *report);

#endif
