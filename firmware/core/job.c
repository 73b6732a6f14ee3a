#include "job.h"

#include <math.h>
#include <string.h>

bool hg_job_ended(const hg_job_t *job)
{
  return job->status == HG_JOB_STATUS_DONE || job->status == HG_JOB_STATUS_MISSED ||
         job->status == HG_JOB_STATUS_CANCELLED;
}

double hg_job_progress(const hg_job_t *job) { return fmin(job->delivered_kwh / job->energy_kwh, 1.0); }

double hg_job_remaining(const hg_job_t *job)
{
  return fmax(job->energy_kwh - job->delivered_kwh, 0.0) * HG_JOB_JOULES_A_KWH / job->power;
}

static bool open(const hg_job_book_t *book) { return book->known && !hg_job_ended(&book->job); }

static bool above_zero(double x) { return isfinite(x) && x > 0.0; }

static bool possible(const hg_job_t *job)
{
  return above_zero(job->energy_kwh) && above_zero(job->power) && isfinite(job->deadline) &&
         isfinite(job->delivered_kwh) && job->delivered_kwh >= 0.0 && memchr(job->id, 0, sizeof job->id) != NULL &&
         job->status <= HG_JOB_STATUS_CANCELLED;
}

hg_status_t hg_job_book_init(hg_job_book_t *book, const hg_job_settings_t *s)
{
  if (!(true HG_JOB_SETTINGS(HG_WITHIN))) {
    return HG_ERROR_ARGUMENT;
  }
  memset(book, 0, sizeof *book);
  book->settings = *s;
  return HG_OK;
}

hg_status_t hg_job_book_add(hg_job_book_t *book, double now, const hg_job_t *job)
{
  if (open(book) || !isfinite(now) || !possible(job) || job->deadline <= now) {
    return HG_ERROR_ARGUMENT;
  }
  book->job = *job;
  book->now = now;
  book->known = book->timed = true;
  book->idle = false;
  return HG_OK;
}

hg_status_t hg_job_book_restore(hg_job_book_t *book, const hg_job_t *job)
{
  if (!possible(job)) {
    return HG_ERROR_DAMAGED;
  }
  book->job = *job;
  book->known = true;
  return HG_OK;
}

hg_status_t hg_job_book_move(hg_job_book_t *book, double now, double deadline)
{
  if (!open(book) || !isfinite(now) || !isfinite(deadline) || deadline <= now) {
    return HG_ERROR_ARGUMENT;
  }
  book->job.deadline = deadline;
  return HG_OK;
}

bool hg_job_book_cancel(hg_job_book_t *book)
{
  const bool found = open(book);
  if (found) {
    book->job.status = HG_JOB_STATUS_CANCELLED;
  }
  return found;
}

hg_status_t hg_job_book_step(hg_job_book_t *book, double now, bool running, double active_power)
{
  if (!isfinite(now)) {
    return HG_ERROR_ARGUMENT;
  }
  const double duration = book->timed && now > book->now ? now - book->now : 0.0;
  book->now = now;
  book->timed = true;
  if (!open(book)) {
    return HG_OK;
  }
  hg_job_t *job = &book->job;
  const double power = running && active_power > 0.0 ? active_power : 0.0;
  job->status = running ? HG_JOB_STATUS_RUNNING : HG_JOB_STATUS_WAITING;
  job->delivered_kwh += power * duration / HG_JOB_JOULES_A_KWH;
  const bool idle = running && active_power < HG_JOB_BOOK_IDLE_SHARE * job->power && hg_job_progress(job) >= 0.5;
  book->idle_since = idle && book->idle ? book->idle_since : now;
  book->idle = idle;
  const bool finished = idle && now - book->idle_since >= book->settings.job_idle_time;
  const double left = job->energy_kwh - job->delivered_kwh;
  if (left < fmin(HG_JOB_BOOK_REST, HG_JOB_BOOK_REST_SHARE * job->energy_kwh) || finished) {
    job->status = HG_JOB_STATUS_DONE;
  } else if (now >= job->deadline) {
    job->status = HG_JOB_STATUS_MISSED;
  }
  return HG_OK;
}

double hg_job_book_latest_start(const hg_job_book_t *book)
{
  const hg_job_t *job = &book->job;
  if (!open(book)) {
    return (double)INFINITY;
  }
  return job->deadline - hg_job_remaining(job) * (1.0 + book->settings.job_margin_share) - book->settings.job_margin;
}

hg_press_t hg_job_book_must_run(const hg_job_book_t *book, double now)
{
  if (!open(book)) {
    return HG_PRESS_NOT;
  }
  if (now >= hg_job_book_latest_start(book)) {
    return HG_PRESS_DEADLINE;
  }
  return book->job.status == HG_JOB_STATUS_RUNNING && !book->job.interruptible ? HG_PRESS_UNINTERRUPTED : HG_PRESS_NOT;
}

bool hg_job_book_waits(const hg_job_book_t *book) { return open(book); }
