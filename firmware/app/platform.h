/* What a port gives the application: clocks, the relay, a thermometer, flash, chance and a log. */
#ifndef HEARTHGRID_PLATFORM_H
#define HEARTHGRID_PLATFORM_H

#include "journal.h"

typedef enum { HG_LOG_INFO = 0, HG_LOG_WARNING, HG_LOG_ERROR } hg_log_t;

/* What is kept, each in two sectors of its own; a record of the devices takes HG_DEVICES_SLOT bytes (app.h). */
typedef enum { HG_KEEP_MEMBER = 0, HG_KEEP_OUTLET, HG_KEEP_DEVICES, HG_KEEPS } hg_keep_t;

/* `context` goes into every call. None may block longer than it must; relay is called from the control task, and from
 * the converter's interrupt by the port itself when hg_app_sample says so. */
typedef struct {
  void *context;
  double (*monotonic)(void *context);                          /* never set, runs on while the agent is gone [s] */
  void (*local)(void *context, double wall, int *weekday, int *minute); /* of the home's time zone; 0 = Monday */
  void (*relay)(void *context, bool closed);
  double (*temperature)(void *context);                        /* of the contacts, NaN = not measured */
  uint32_t (*random)(void *context);                           /* 32 bits nobody can foretell */
  void (*log)(void *context, hg_log_t level, const char *text);
  hg_flash_t flash[HG_KEEPS];                                  /* sector 0 = nothing is kept */
} hg_platform_t;

#endif
