#include <math.h>
#include <stdio.h>
#include <string.h>

#include "parts.h"

/* Each returns what is wrong, "" = nothing; `words` has room for it. The words are those of the Python outlet. */

static const char *wrong_rule(const hg_mail_ask_t *ask, char *words)
{
  for (size_t k = 0; k < ask->count && k < HG_SCHEDULE_ENTRIES; k++) {
    const hg_entry_t *e = &ask->entries[k];
    if (e->days == 0 || e->days > 127) {
      snprintf(words, HG_MESSAGE_LENGTH, "days is %d; it must be a sum of 1 (Monday), 2, 4 … 64 (Sunday)", e->days);
      return words;
    }
    if (e->start >= HG_SCHEDULE_DAY || e->end >= HG_SCHEDULE_DAY) {
      snprintf(words, HG_MESSAGE_LENGTH, "minutes are %d and %d; they must lie in 0 … %d", e->start, e->end,
               HG_SCHEDULE_DAY - 1);
      return words;
    }
    if (!(e->power_max >= 0.0)) {
      snprintf(words, HG_MESSAGE_LENGTH, "power_max is %.1f W; it must be ≥ 0", e->power_max);
      return words;
    }
  }
  return ask->count > HG_SCHEDULE_ENTRIES ? "more entries than a schedule holds" : "on with power_max 0 W is off";
}

static const char *schedule(struct hg_app *app, const hg_mail_ask_t *ask, char *words)
{
  if (hg_schedule_set(&app->schedule, ask->entries, ask->count) != HG_OK) {
    return wrong_rule(ask, words);
  }
  app->control.chosen_schedule = app->control.dirty = true;
  return "";
}

static const char *priority(struct hg_app *app, const hg_mail_ask_t *ask, char *words)
{
  if (ask->priority > HG_CLASS_COMFORT) {
    snprintf(words, HG_MESSAGE_LENGTH, "no shedding class has number %d", ask->priority);
    return words;
  }
  app->control.priority = ask->priority;
  app->control.rank = ask->rank;
  app->control.chosen_priority = app->control.dirty = true;
  return "";
}

static const char *reset(struct hg_app *app, char *words)
{
  const hg_protection_t *p = &app->protection;
  const hg_protection_settings_t *s = &p->settings;
  switch (hg_protection_reset(&app->protection)) {
    case HG_RESET_WARM:
      snprintf(words, HG_MESSAGE_LENGTH, "still warm: thermal load %.2f, wait %.0f s", p->thermal_load,
               s->thermal_time * log(p->thermal_load / s->thermal_reset));
      return words;
    case HG_RESET_HOT:
      snprintf(words, HG_MESSAGE_LENGTH, "contacts still at %.0f °C, resets below %.0f °C", p->temperature,
               s->temperature_reset);
      return words;
    case HG_RESET_SENSOR: return "sensor: it cannot be believed";
    default: break;
  }
  app->control.dirty = true;
  return "";
}

static const char *job(struct hg_app *app, const hg_mail_ask_t *ask, double wall)
{
  const hg_job_t *held = &app->jobs.job;
  hg_job_t asked = ask->job;
  const bool known = app->jobs.known && asked.id[0] != 0 && strcmp(held->id, asked.id) == 0;
  const bool moved = !(fabs(held->deadline - asked.deadline) < 1e-3);
  const bool done = held->status == HG_JOB_STATUS_DONE && !moved && !(held->energy_kwh < asked.energy_kwh) &&
                    !(held->energy_kwh > asked.energy_kwh);
  if (known && (done || !hg_job_ended(held))) { /* asked again, perhaps after a restart; another deadline moves it */
    if (moved && hg_job_book_move(&app->jobs, wall, asked.deadline) != HG_OK) {
      return "its deadline has passed";
    }
    app->control.dirty = app->control.dirty || moved;
    return "";
  }
  if (asked.id[0] == 0) {
    snprintf(asked.id, sizeof asked.id, "%.30s-%.0f", app->settings.id, wall);
  }
  if (hg_job_book_add(&app->jobs, wall, &asked) != HG_OK) {
    return "its numbers cannot be, its deadline has passed, or another job is not finished";
  }
  app->control.dirty = true;
  return "";
}

/* A call that changes something needs a signed word that it is meant, in a home with keys. */
static bool permitted(struct hg_app *app, const hg_mail_ask_t *ask, double wall)
{
  return ask->kind == HG_ASK_WAVEFORM || hg_permits_use(&app->permits, wall, ask->words);
}

void hg_asks_step(struct hg_app *app)
{
  const double wall = hg_app_wall(app, app->control.now);
  for (hg_mail_ask_t *ask; (ask = HG_MAIL_OLDEST(&app->in.asks)) != NULL;) {
    hg_mail_answer_t *answer = HG_MAIL_PLACE(&app->out.answers);
    char words[HG_MESSAGE_LENGTH + 1] = "";
    const char *trouble = "not offered", *news = "";
    if (answer == NULL) {
      return; /* comms is behind */
    }
    if (ask->kind == HG_ASK_JOB && app->jobs.known && hg_job_ended(&app->jobs.job) && !hg_control_progress(app, wall)) {
      return; /* before another takes its place, the askers of one that ended hear of it */
    }
    switch (permitted(app, ask, wall) ? ask->kind : HG_ASK_NOTHING) {
      case HG_ASK_NOTHING: trouble = HG_PERMIT_NONE; break;
      case HG_ASK_SCHEDULE: trouble = schedule(app, ask, words); break;
      case HG_ASK_PRIORITY: trouble = priority(app, ask, words); break;
      case HG_ASK_RESET:
        news = app->protection.trip == HG_TRIP_NONE ? "it is not tripped" : "";
        trouble = news[0] != 0 ? "" : reset(app, words);
        break;
      case HG_ASK_WAVEFORM:
        trouble = app->control.sighted ? "" : "no samples have come";
        __atomic_store_n(&app->show[1], app->show[1] + (app->control.sighted ? 1U : 0U), __ATOMIC_RELEASE);
        break;
      case HG_ASK_JOB:
        trouble = job(app, ask, wall);
        news = app->jobs.job.id;
        break;
      case HG_ASK_CANCEL:
        trouble = hg_job_book_cancel(&app->jobs) ? "" : "there is no job";
        app->control.dirty = app->control.dirty || trouble[0] == 0;
        break;
      default: break;
    }
    answer->ticket = ask->ticket;
    answer->success = trouble[0] == 0;
    snprintf(answer->text, sizeof answer->text, "%s", answer->success ? news : trouble);
    if (ask->kind == HG_ASK_JOB && !answer->success) {
      hg_app_say(app, HG_LOG_WARNING, "job %s is refused: %s", ask->job.id, trouble);
    }
    HG_MAIL_SENT(&app->out.answers);
    HG_MAIL_TAKEN(&app->in.asks);
  }
}
