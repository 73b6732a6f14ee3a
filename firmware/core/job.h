/* A deferrable job: so much energy before a deadline, when the plan says so, or in the last moment without one.
 * Twin of hearthgrid_core.outlet.job. */
#ifndef HEARTHGRID_JOB_H
#define HEARTHGRID_JOB_H

#include "requests.h"

#define HG_JOB_ID_LENGTH 48

/* deadline: [s]. power: expected while it runs [W]. */
typedef struct {
  char id[HG_JOB_ID_LENGTH + 1];
  double energy_kwh, delivered_kwh, deadline, power;
  bool interruptible;
  hg_job_status_t status;
} hg_job_t;

/* One job, since one appliance hangs on an outlet; known: false = there never was one. */
typedef struct {
  hg_job_settings_t settings;
  bool known, timed, idle;
  hg_job_t job;
  double now, idle_since; /* [s] */
} hg_job_book_t;

typedef enum { HG_PRESS_NOT = 0, HG_PRESS_DEADLINE, HG_PRESS_UNINTERRUPTED } hg_press_t;

hg_status_t hg_job_book_init(hg_job_book_t *book, const hg_job_settings_t *settings);

/* Take a new job. HG_ERROR_ARGUMENT: its numbers cannot be, its deadline has passed, or another is not finished. */
hg_status_t hg_job_book_add(hg_job_book_t *book, double now, const hg_job_t *job);

/* Take back what was kept over a restart; HG_ERROR_DAMAGED: it cannot be. */
hg_status_t hg_job_book_restore(hg_job_book_t *book, const hg_job_t *job);

/* Give the job that is not finished another deadline. HG_ERROR_ARGUMENT: there is none, or it has passed. */
hg_status_t hg_job_book_move(hg_job_book_t *book, double now, double deadline);

/* End the job that is not finished; whether there was one. */
bool hg_job_book_cancel(hg_job_book_t *book);

/* Book what was drawn since the last step. running: somebody wanted the relay closed, and it was.
 * active_power: NaN = not known [W]. HG_ERROR_ARGUMENT for a time that is none. */
hg_status_t hg_job_book_step(hg_job_book_t *book, double now, bool running, double active_power);

/* Nothing more comes of it. */
bool hg_job_ended(const hg_job_t *job);

/* What is delivered of it, 0 … 1; and how long it still has to run at its expected power [s]. */
double hg_job_progress(const hg_job_t *job);
double hg_job_remaining(const hg_job_t *job);

/* When the job must run to meet its deadline; infinity without one. [s] */
double hg_job_book_latest_start(const hg_job_book_t *book);

/* Whether, and why, the job overrules the plan: HG_VOICE_PERSON says on. */
hg_press_t hg_job_book_must_run(const hg_job_book_t *book, double now);

/* Whether, when the plan says nothing, HG_VOICE_PERSON says off: the job waits. */
bool hg_job_book_waits(const hg_job_book_t *book);

#endif
