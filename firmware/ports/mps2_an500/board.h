/* What the two plays of this board share: `story` (nobody is talked to) and `link` (the agent, with micro-ROS). */
#ifndef HEARTHGRID_BOARD_H
#define HEARTHGRID_BOARD_H

#include "tasks.h"

#define HG_BOARD_RATE 6400U /* samples a second */

/* main.c */
extern struct hg_app hg_board_app;
uint32_t hg_board_samples(void); /* played */
uint32_t hg_board_trips(void);   /* of the short-circuit guard */
void hg_board_report(void);      /* counts of tasks and stacks, to the console */

/* story.c or link.c. play_begin: before the tasks start. play_alive: whether the supply is, at that sample; in the
 * converter's interrupt. play_sampled: after each sample, there too. play_step: hg_tasks_settings_t.comms. */
extern const double hg_play_save_period;
void hg_play_begin(void);
bool hg_play_alive(uint32_t sample);
void hg_play_sampled(uint32_t sample);
uint32_t hg_play_step(struct hg_app *app, double now);
void hg_play_idle(void);
void hg_play_uart_handler(void);

#endif
