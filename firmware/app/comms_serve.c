#include <stdio.h>
#include <string.h>

#include <hearthgrid_msgs/srv/capture_waveform.h>
#include <hearthgrid_msgs/srv/get_schedule.h>
#include <hearthgrid_msgs/srv/reset_trip.h>
#include <hearthgrid_msgs/srv/set_priority.h>
#include <hearthgrid_msgs/srv/set_schedule.h>

#include "bytes.h"
#include "comms_ros.h"

/* One request of each, taken into again and again. */
static struct {
  hearthgrid_msgs__srv__GetSchedule_Request get;
  hearthgrid_msgs__srv__SetSchedule_Request set;
  hearthgrid_msgs__srv__SetPriority_Request priority;
  hearthgrid_msgs__srv__ResetTrip_Request reset;
  hearthgrid_msgs__srv__CaptureWaveform_Request capture;
} M;

#ifdef HG_STATIC_MESSAGES
bool hg_comms_serve_messages(void)
{
  static char sender[HG_MESSAGE_LENGTH + 1];
  static hearthgrid_msgs__msg__ScheduleEntry entries[HG_SCHEDULE_ENTRIES];
  memset(&M, 0, sizeof M);
  M.reset.sender.data = sender;
  M.reset.sender.capacity = sizeof sender;
  M.set.entries.data = entries;
  M.set.entries.capacity = HG_SCHEDULE_ENTRIES;
  return true;
}
#else
bool hg_comms_serve_messages(void)
{
  return hearthgrid_msgs__srv__GetSchedule_Request__init(&M.get) &&
         hearthgrid_msgs__srv__SetSchedule_Request__init(&M.set) &&
         hearthgrid_msgs__srv__SetPriority_Request__init(&M.priority) &&
         hearthgrid_msgs__srv__ResetTrip_Request__init(&M.reset) &&
         hearthgrid_msgs__srv__CaptureWaveform_Request__init(&M.capture);
}
#endif

static void get_schedule(const struct hg_app *app, rmw_request_id_t *id)
{
  static hearthgrid_msgs__msg__ScheduleEntry rows[HG_SCHEDULE_ENTRIES];
  static char nothing[1] = "";
  const size_t count = app->schedule.count;
  for (size_t k = 0; k < count; k++) {
    const hg_entry_t *e = &app->schedule.entries[k];
    rows[k].days = e->days;
    rows[k].start_minute = e->start;
    rows[k].end_minute = e->end;
    rows[k].on = e->on;
    rows[k].power_max = (float)e->power_max;
  }
  hearthgrid_msgs__srv__GetSchedule_Response response = {
    .success = true, .message = {nothing, 0, 1}, .entries = {rows, count, HG_SCHEDULE_ENTRIES},
    .priority = app->control.priority, .rank = app->control.rank};
  if (rcl_send_response(&hg_comms.at[HG_AT_GET_SCHEDULE], id, &response) != RCL_RET_OK) {
    rcl_reset_error();
  }
}

static uint8_t *put_float(uint8_t *to, float value)
{
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return hg_put(to, bits, sizeof bits);
}

/* The words that would permit what is asked: over all fields of the request, in its order. */
static void words(const struct hg_app *app, hg_mail_ask_t *ask, int at)
{
  static uint8_t body[4 + HG_SCHEDULE_ENTRIES * 29 + HG_SENDER_LENGTH];
  static const char *const NAMES[HG_ATS] = {[HG_AT_SET_SCHEDULE] = "set_schedule", [HG_AT_SET_PRIORITY] = "set_priority",
                                            [HG_AT_RESET_TRIP] = "reset_trip"};
  char name[2 * HG_REASON_LENGTH];
  uint8_t *to = body;
  if (NAMES[at] == NULL) {
    return; /* it needs none */
  }
  switch (at) {
    case HG_AT_SET_SCHEDULE:
      to = hg_put(to, M.set.entries.size, 4);
      for (size_t k = 0; k < M.set.entries.size && k < HG_SCHEDULE_ENTRIES; k++) {
        const hearthgrid_msgs__msg__ScheduleEntry *e = &M.set.entries.data[k];
        to = hg_put(hg_put(hg_put(to, e->days, 8), e->start_minute, 8), e->end_minute, 8);
        to = put_float(hg_put(to, e->on, 1), e->power_max);
      }
      break;
    case HG_AT_SET_PRIORITY: to = hg_put(hg_put(to, M.priority.priority, 8), M.priority.rank, 8); break;
    default: to = hg_put_text(to, M.reset.sender.data, M.reset.sender.size <= HG_SENDER_LENGTH ? M.reset.sender.size : 0);
  }
  snprintf(name, sizeof name, "%s%s/%s/%s", hg_comms.settings.home[0] == '/' ? "" : "/", hg_comms.settings.home,
           app->settings.id, NAMES[at]);
  hg_permit_words(name, body, (size_t)(to - body), ask->words);
}

static bool fill(hg_mail_ask_t *ask, int at)
{
  switch (at) {
    case HG_AT_SET_SCHEDULE:
      ask->kind = HG_ASK_SCHEDULE;
      ask->count = M.set.entries.size;
      for (size_t k = 0; k < ask->count && k < HG_SCHEDULE_ENTRIES; k++) {
        const hearthgrid_msgs__msg__ScheduleEntry *e = &M.set.entries.data[k];
        ask->entries[k] = (hg_entry_t){.days = e->days, .on = e->on, .start = e->start_minute, .end = e->end_minute,
                                       .power_max = (double)e->power_max};
      }
      return true;
    case HG_AT_SET_PRIORITY:
      ask->kind = HG_ASK_PRIORITY;
      ask->priority = M.priority.priority;
      ask->rank = M.priority.rank;
      return true;
    case HG_AT_RESET_TRIP: ask->kind = HG_ASK_RESET; return true;
    case HG_AT_CAPTURE_WAVEFORM: ask->kind = HG_ASK_WAVEFORM; return true;
    default: return false;
  }
}

void hg_comms_serve(struct hg_app *app, int at)
{
  static void *const REQUESTS[HG_ATS] = {[HG_AT_GET_SCHEDULE] = &M.get, [HG_AT_SET_SCHEDULE] = &M.set,
                                         [HG_AT_SET_PRIORITY] = &M.priority, [HG_AT_RESET_TRIP] = &M.reset,
                                         [HG_AT_CAPTURE_WAVEFORM] = &M.capture};
  hg_pending_t *pending = &hg_comms.pending[at];
  hg_mail_ask_t *ask = HG_MAIL_PLACE(&app->in.asks);
  rmw_request_id_t id;
  if (pending->waits || ask == NULL) {
    return; /* the one before has no answer yet: this one waits in the middleware */
  }
  bool wants = false;
  if (REQUESTS[at] == NULL) {
    wants = hg_comms_job_serve(app, at, ask, &id);
  } else if (rcl_take_request(&hg_comms.at[at], &id, REQUESTS[at]) != RCL_RET_OK) {
    rcl_reset_error();
  } else if (at == HG_AT_GET_SCHEDULE) {
    get_schedule(app, &id);
  } else {
    memset(ask, 0, sizeof *ask);
    wants = fill(ask, at);
    words(app, ask, at);
  }
  if (wants) {
    ask->ticket = ++hg_comms.ticket;
    *pending = (hg_pending_t){.waits = true, .ticket = ask->ticket, .id = id,
                              .since = app->platform.monotonic(app->platform.context)};
    HG_MAIL_SENT(&app->in.asks);
  }
}
