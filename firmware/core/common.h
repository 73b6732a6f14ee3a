/* What every part of the core shares: statuses, and settings structs made from the generated tables. */
#ifndef HEARTHGRID_COMMON_H
#define HEARTHGRID_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "constants.h"

typedef enum {
  HG_OK = 0,
  HG_ERROR_ARGUMENT = 1,  /* out of bounds, not finite, or too long */
  HG_ERROR_RATE = 2,      /* a sampling rate this build is not made for */
  HG_ERROR_NO_MAINS = 3,
  HG_ERROR_SHORT = 4,     /* too few samples */
  HG_ERROR_OVERRUN = 5,   /* samples were overwritten while they were read */
  HG_ERROR_DAMAGED = 6,   /* kept state that cannot be true */
  HG_ERROR_FULL = 7,      /* no place is left */
  HG_ERROR_MEDIUM = 8     /* the memory did not take what was written */
} hg_status_t;

#define HG_FIELD(type, name, value, low, high) type name;
#define HG_DEFAULT(type, name, value, low, high) value,
#define HG_WITHIN(type, name, value, low, high) && (double)s->name >= (low) && (double)s->name <= (high)

typedef struct { HG_PROTECTION_SETTINGS(HG_FIELD) } hg_protection_settings_t;
typedef struct { HG_RELAY_SETTINGS(HG_FIELD) } hg_relay_settings_t;
typedef struct { HG_REQUEST_SETTINGS(HG_FIELD) } hg_request_settings_t;
typedef struct { HG_DETECTOR_SETTINGS(HG_FIELD) } hg_detector_settings_t;
typedef struct { HG_LOAD_DROOP_SETTINGS(HG_FIELD) } hg_load_droop_settings_t;
typedef struct { HG_ELECTION_SETTINGS(HG_FIELD) } hg_election_settings_t;
typedef struct { HG_JOB_SETTINGS(HG_FIELD) } hg_job_settings_t;
typedef struct { HG_TURN_ON_SETTINGS(HG_FIELD) } hg_turn_on_settings_t;

#endif
