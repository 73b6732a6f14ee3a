/* All that knows ROS: the outlet's topics and services on the plain rcl API, which the ROS wheels and micro-ROS both
 * offer. Messages are static; nothing is allocated here after `open`. */
#ifndef HEARTHGRID_COMMS_H
#define HEARTHGRID_COMMS_H

#include "app.h"

/* A block of samples as its topic carries it; stamp: of the first [s]. */
typedef struct {
  double stamp, sampling_rate, nominal_frequency, temperature;
  hg_scale_t scale;
  uint32_t sequence;
  size_t n;
  const int16_t *voltage, *current;
} hg_block_t;

/* Why a block of samples is not used. */
typedef enum {
  HG_DROP_NONE = 0,
  HG_DROP_LENGTH,
  HG_DROP_RATE,
  HG_DROP_NOMINAL,
  HG_DROP_SCALE,
  HG_DROP_STAMP,
  HG_DROP_ORDER,
  HG_DROPS
} hg_drop_t;

/* home: the home's namespace, such as "/home". samples: NULL where a converter gives them: `adc` is not subscribed. */
typedef struct {
  const char *home;
  int argc;
  const char *const *argv;
  void *context;
  hg_drop_t (*samples)(void *context, const hg_block_t *block, uint32_t *lost); /* lost: blocks missing before it */
} hg_comms_settings_t;

/* Make the entities. HG_ERROR_FULL: too many for the middleware; HG_ERROR_MEDIUM: the agent is gone. Once at a time:
 * what it holds is static. */
hg_status_t hg_comms_open(struct hg_app *app, const hg_comms_settings_t *settings);

/* Wait for messages at most so long [s] and carry all that waits, both ways. HG_ERROR_MEDIUM: sending failed. */
hg_status_t hg_comms_spin(struct hg_app *app, double timeout);

/* Blocks of samples heard so far, used or not. */
uint32_t hg_comms_blocks(void);

/* Answers to its own signatures heard so far. */
uint32_t hg_comms_identities(void);

/* Who listened to signatures when it was last looked. */
size_t hg_comms_listeners(void);

/* Take all entities away, also with the agent gone. */
void hg_comms_close(void);

#endif
