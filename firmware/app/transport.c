#define _POSIX_C_SOURCE 199309L /* struct timespec */
#include "transport.h"

#include <errno.h>
#include <math.h>
#include <rmw_microros/rmw_microros.h>
#include <string.h>
#include <time.h>

#include "FreeRTOS.h"
#include "comms.h"
#include "session.h"
#include "task.h"
#include "tasks.h"

#define PING_TIMEOUT 100 /* [ms] */
#define SEND_TIMEOUT 50U
#define SYNC_TIMEOUT 100
#define SYNC_PERIOD 10.0 /* [s] */
#define SPIN 0.01
#define HEAP 12288U /* of the middleware, which takes its entities from it when it joins; nobody else allocates [B] */

static hg_link_io_t link;
static hg_session_t session;
static hg_clock_t wall_clock;
static bool begun;
static double synchronised_at;
static hg_link_t event;

/* What the middleware asks of a C library. */
int clock_gettime(clockid_t clock, struct timespec *now);
void *_sbrk(ptrdiff_t more);

int clock_gettime(clockid_t clock, struct timespec *now)
{
  const double seconds = hg_tasks_now(NULL);
  (void)clock;
  now->tv_sec = (time_t)seconds;
  now->tv_nsec = (long)((seconds - (double)now->tv_sec) * 1e9);
  return 0;
}

static ptrdiff_t used;

void *_sbrk(ptrdiff_t more)
{
  static uint64_t heap[HEAP / 8U];
  if (used + more < 0 || used + more > (ptrdiff_t)sizeof heap) {
    errno = ENOMEM;
    return (void *)-1;
  }
  used += more;
  return (uint8_t *)heap + (used - more);
}

uint32_t hg_transport_heap(void) { return (uint32_t)used; }

static bool open_link(struct uxrCustomTransport *transport)
{
  uint8_t old[64];
  (void)transport;
  while (link.receive(old, sizeof old) > 0) { /* of a session that is over */
  }
  return true;
}

static bool close_link(struct uxrCustomTransport *transport)
{
  (void)transport;
  return true;
}

static size_t write_link(struct uxrCustomTransport *transport, const uint8_t *bytes, size_t count, uint8_t *error)
{
  size_t sent = 0;
  (void)transport;
  for (uint32_t waited = 0; sent < count && waited < SEND_TIMEOUT; waited++) {
    sent += link.send(bytes + sent, count - sent);
    if (sent < count) {
      vTaskDelay(1);
    }
  }
  *error = sent < count;
  return sent;
}

static size_t read_link(struct uxrCustomTransport *transport, uint8_t *bytes, size_t room, int timeout, uint8_t *error)
{
  size_t count = link.receive(bytes, room);
  (void)transport;
  for (int waited = 0; count == 0 && waited < timeout; waited++) {
    vTaskDelay(1);
    count = link.receive(bytes, room);
  }
  *error = count == 0;
  return count;
}

bool hg_transport_init(const hg_link_io_t *io)
{
  link = *io;
  return rmw_uros_set_custom_transport(link.framed, NULL, open_link, close_link, write_link, read_link) == RMW_RET_OK;
}

static void synchronise(struct hg_app *app)
{
  const double sent = hg_tasks_now(NULL);
  if (rmw_uros_sync_session(SYNC_TIMEOUT) == RMW_RET_OK) {
    const double received = hg_tasks_now(NULL);
    hg_clock_sync(&wall_clock, sent, received, (double)rmw_uros_epoch_nanos() * 1e-9 - (received - sent) / 2.0);
    synchronised_at = received;
  }
  const double now = hg_tasks_now(NULL), wall = hg_clock_now(&wall_clock, now);
  hg_app_time(app, wall - now, (double)NAN);
}

static hg_link_t carry_out(struct hg_app *app, hg_session_action_t action)
{
  static const hg_comms_settings_t COMMS = {.home = HG_TRANSPORT_HOME};
  switch (action) {
    case HG_SESSION_PING: return rmw_uros_ping_agent(PING_TIMEOUT, 1) == RMW_RET_OK ? HG_LINK_PONG : HG_LINK_SILENT;
    case HG_SESSION_OPEN:
      if (hg_comms_open(app, &COMMS) != HG_OK) {
        return HG_LINK_FAILED;
      }
      synchronise(app);
      return HG_LINK_OPEN;
    case HG_SESSION_CLOSE: hg_comms_close(); return HG_LINK_CLOSED;
    default: return HG_LINK_NOTHING;
  }
}

uint32_t hg_transport_step(struct hg_app *app, double now)
{
  if (!begun) {
    static const hg_session_settings_t SETTINGS = HG_SESSION_DEFAULTS;
    hg_session_init(&session, &SETTINGS, now);
    hg_clock_init(&wall_clock);
    begun = true;
  }
  const double chance = (double)app->platform.random(app->platform.context) / 4294967296.0;
  event = carry_out(app, hg_session_step(&session, now, event, chance));
  if (session.state != HG_SESSION_JOINED) {
    return 20;
  }
  if (event == HG_LINK_NOTHING && hg_comms_spin(app, SPIN) != HG_OK) {
    event = HG_LINK_FAILED;
  }
  if (now - synchronised_at >= SYNC_PERIOD) {
    synchronise(app);
  } else if (wall_clock.known) {
    const double then = hg_tasks_now(NULL);
    hg_app_time(app, hg_clock_now(&wall_clock, then) - then, (double)NAN);
  }
  return 1;
}
