#include <math.h>
#include <stdio.h>
#include <string.h>

#include "parts.h"

/* Each returns what is wrong, "" = nothing. */

static const char *schedule(struct hg_app *app, const hg_mail_ask_t *ask)
{
  if (hg_schedule_set(&app->schedule, ask->entries, ask->count) != HG_OK) {
    return "a rule of the schedule is none";
  }
  app->control.chosen_schedule = app->control.dirty = true;
  return "";
}

static const char *priority(struct hg_app *app, const hg_mail_ask_t *ask)
{
  if (ask->priority > HG_CLASS_COMFORT) {
    return "no shedding class has this number";
  }
  app->control.priority = ask->priority;
  app->control.rank = ask->rank;
  app->control.chosen_priority = app->control.dirty = true;
  return "";
}

static const char *reset(struct hg_app *app)
{
  static const char *const WORDS[] = {"", "it is still warm", "its contacts are still hot",
                                      "its sensors cannot be believed"};
  const bool tripped = app->protection.trip != HG_TRIP_NONE;
  const hg_reset_t how = tripped ? hg_protection_reset(&app->protection) : HG_RESET_DONE;
  app->control.dirty = app->control.dirty || tripped;
  return WORDS[how];
}

static const char *job(struct hg_app *app, const hg_mail_ask_t *ask, double wall)
{
  const hg_job_t *held = &app->jobs.job;
  const bool same = app->jobs.known && strcmp(held->id, ask->job.id) == 0 &&
                    fabs(held->energy_kwh - ask->job.energy_kwh) < 1e-9 &&
                    fabs(held->deadline - ask->job.deadline) < 1e-3;
  const bool lives = held->status == HG_JOB_STATUS_WAITING || held->status == HG_JOB_STATUS_RUNNING ||
                     held->status == HG_JOB_STATUS_DONE;
  if (same && lives) {
    return ""; /* asked again, perhaps after a restart: the same job */
  }
  if (hg_job_book_add(&app->jobs, wall, &ask->job) != HG_OK) {
    return "its numbers cannot be, its deadline has passed, or another job is not finished";
  }
  app->control.dirty = true;
  return "";
}

void hg_asks_step(struct hg_app *app)
{
  const double wall = hg_app_wall(app, app->control.now);
  for (hg_mail_ask_t *ask; (ask = HG_MAIL_OLDEST(&app->in.asks)) != NULL;) {
    hg_mail_answer_t *answer = HG_MAIL_PLACE(&app->out.answers);
    const char *trouble = "not offered";
    if (answer == NULL) {
      return; /* comms is behind */
    }
    switch (ask->kind) {
      case HG_ASK_SCHEDULE: trouble = schedule(app, ask); break;
      case HG_ASK_PRIORITY: trouble = priority(app, ask); break;
      case HG_ASK_RESET: trouble = reset(app); break;
      case HG_ASK_WAVEFORM:
        trouble = app->control.sighted ? "" : "no samples have come";
        __atomic_store_n(&app->show[1], app->show[1] + (app->control.sighted ? 1U : 0U), __ATOMIC_RELEASE);
        break;
      case HG_ASK_JOB: trouble = job(app, ask, wall); break;
      case HG_ASK_CANCEL: trouble = hg_job_book_cancel(&app->jobs) ? "" : "there is no job"; break;
      default: break;
    }
    answer->ticket = ask->ticket;
    answer->success = trouble[0] == 0;
    snprintf(answer->text, sizeof answer->text, "%s", trouble);
    HG_MAIL_SENT(&app->out.answers);
    HG_MAIL_TAKEN(&app->in.asks);
  }
}
