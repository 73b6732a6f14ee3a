/* An outlet as a ROS 2 node on this machine: its converter is the topic `adc` of a simulated or recorded world. */
#define _GNU_SOURCE
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "posix.h"
#include "session.h"

#define STEP 0.01        /* of control [s] */
#define FUTURE_MAX 2.0   /* of a block's stamp against this clock [s] */
#define AGE_MAX 10.0
#define ORDER_MAX 10     /* blocks out of order in a row after which the converter's clock is believed again */
#define REPEAT 60.0      /* a complaint of one kind is logged again at the earliest after [s] */
#define LAST_WORDS 10    /* turns for the relay's last command to leave */
#define MEMBER_SLOT 1152U
#define OUTLET_SLOT 1152U
#define KEYS_PERIOD 1.0  /* between looks at the key file [s] */

static struct hg_app app;
static hg_posix_settings_t settings;
static hg_clock_t wall_clock;
static volatile sig_atomic_t stopping;
static struct {
  double temperature, last_stamp, complained;
  int disorder;
} converter = {.temperature = (double)NAN, .last_stamp = -(double)INFINITY, .complained = -(double)INFINITY};
static struct {
  struct timespec changed;
  double looked;
} keys;

static double read_clock(clockid_t which)
{
  struct timespec t;
  clock_gettime(which, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* It counts while the machine sleeps, so that a lease ends then. */
static double monotonic(void *context)
{
  (void)context;
  return read_clock(CLOCK_BOOTTIME);
}

static void local(void *context, double wall, int *weekday, int *minute)
{
  const time_t seconds = (time_t)wall;
  struct tm t;
  (void)context;
  localtime_r(&seconds, &t);
  *weekday = (t.tm_wday + 6) % 7;
  *minute = t.tm_hour * 60 + t.tm_min;
}

/* The relay of a simulated world hears the topic `relays`. */
static void relay(void *context, bool closed)
{
  (void)context;
  (void)closed;
}

static double temperature(void *context)
{
  (void)context;
  return converter.temperature;
}

static uint32_t draw(void *context)
{
  uint32_t bits = 0;
  (void)context;
  if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits) {
    bits = (uint32_t)(monotonic(NULL) * 1e9);
  }
  return bits;
}

/* As rclpy writes, so that a supervisor reads both alike. */
static void tell(void *context, hg_log_t level, const char *text)
{
  static const char *const LEVELS[] = {"INFO", "WARN", "ERROR"};
  (void)context;
  printf("[%s] [%.9f] [%s.%s.outlet]: %s\n", LEVELS[level], read_clock(CLOCK_REALTIME), settings.home + 1,
         settings.app.id, text);
  fflush(stdout);
}

static void complain(double now, const char *text)
{
  if (now - converter.complained >= REPEAT) {
    converter.complained = now;
    tell(NULL, HG_LOG_WARNING, text);
  }
}

/* Why a block is not used; NULL = it is. The order is that of hearthgrid_core.outlet.capture. */
static const char *drop(const hg_block_t *b, double wall)
{
  const double last = converter.disorder >= ORDER_MAX ? -(double)INFINITY : converter.last_stamp;
  if (!(fabs(b->nominal_frequency - app.settings.detector.nominal_frequency) < 0.01)) {
    return "a block of samples is dropped: its nominal frequency is not this home's";
  }
  if (!(b->scale.voltage > 0.0 && b->scale.current > 0.0 && isfinite(b->scale.voltage) && isfinite(b->scale.current))) {
    return "a block of samples is dropped: a scale is not a number above 0";
  }
  if (!((double)b->n >= b->sampling_rate / b->nominal_frequency)) {
    return "a block of samples is dropped: it holds less than one mains cycle";
  }
  if (!(wall - b->stamp >= -FUTURE_MAX && wall - b->stamp <= AGE_MAX)) {
    return "a block of samples is dropped: its stamp is far from this clock";
  }
  if (!(b->stamp > last)) {
    converter.disorder++;
    return "a block of samples is dropped: it is not younger than the last";
  }
  return NULL;
}

static void take(void *context, const hg_block_t *b)
{
  const double now = monotonic(NULL), wall = hg_clock_now(&wall_clock, now);
  const char *trouble = drop(b, wall);
  const hg_scale_t *scale = &app.settings.scale;
  (void)context;
  if (trouble == NULL && (fabs(b->sampling_rate - app.settings.sampling_rate) > 1e-3 ||
                          fabs(b->scale.voltage - scale->voltage) > 0.0 ||
                          fabs(b->scale.current - scale->current) > 0.0) &&
      hg_app_converter(&app, b->sampling_rate, b->scale) != HG_OK) {
    trouble = "a block of samples is dropped: the outlet in C takes 128 samples a cycle, and nothing else";
  }
  if (trouble != NULL) {
    complain(now, trouble);
    return;
  }
  converter.disorder = 0;
  converter.last_stamp = b->stamp;
  converter.temperature = b->temperature;
  for (size_t k = 0; k < b->n; k++) {
    hg_app_sample(&app, b->voltage[k], b->current[k]);
  }
  hg_app_time(&app, wall - now, b->stamp + (double)b->n / b->sampling_rate);
  hg_app_control(&app, now);
  hg_app_analyse(&app, now);
}

/* A home with keys and an outlet without one: nobody can sign for it, so nobody is believed. */
static size_t key_of(const char *name, double wall, uint8_t key[HG_KEY_MAX])
{
  const size_t length = hg_posix_key(settings.keys_file, name, wall, key);
  if (length > 0 && length <= HG_KEY_MAX) {
    return length;
  }
  for (size_t k = 0; k < HG_KEY_MAX; k += sizeof(uint32_t)) {
    const uint32_t bits = draw(NULL);
    memcpy(key + k, &bits, sizeof bits);
  }
  return HG_KEY_MAX;
}

static void read_keys(hg_app_settings_t *s, double wall)
{
  s->request_key_length = key_of(s->id, wall, s->request_key);
  s->ballot_key_length = key_of("", wall, s->ballot_key);
}

static void follow_keys(double now, double wall)
{
  struct stat found;
  if (settings.keys_file[0] == 0 || now - keys.looked < KEYS_PERIOD || stat(settings.keys_file, &found) != 0) {
    return;
  }
  /* A new key signs a while after it was written: for that while the file is read again and again. */
  const bool news = now - keys.looked < 2.0 * KEYS_PERIOD && wall - (double)found.st_mtim.tv_sec < 60.0;
  keys.looked = now;
  if (news || found.st_mtim.tv_sec != keys.changed.tv_sec || found.st_mtim.tv_nsec != keys.changed.tv_nsec) {
    keys.changed = found.st_mtim;
    read_keys(&app.settings, wall);
    app.requests.key_length = app.settings.request_key_length;
    app.seal.key_length = app.settings.ballot_key_length;
  }
}

static void stop(int number)
{
  (void)number;
  stopping = 1;
}

static bool with_supervisor(void)
{
  const char *parent = getenv("HEARTHGRID_SUPERVISOR");
  return parent == NULL || (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && (long)getppid() == atol(parent));
}

static bool begin(void)
{
  hg_platform_t platform = {.monotonic = monotonic, .local = local, .relay = relay, .temperature = temperature,
                            .random = draw, .log = tell};
  hg_posix_flash(settings.state_dir, settings.app.id, "member", MEMBER_SLOT, &platform.flash[HG_KEEP_MEMBER]);
  hg_posix_flash(settings.state_dir, settings.app.id, "outlet", OUTLET_SLOT, &platform.flash[HG_KEEP_OUTLET]);
  const double now = monotonic(NULL), wall = read_clock(CLOCK_REALTIME);
  settings.app.incarnation = (uint64_t)(wall * 1e9);
  if (settings.keys_file[0] != 0) {
    read_keys(&settings.app, wall);
  }
  tzset();
  hg_clock_init(&wall_clock);
  hg_clock_sync(&wall_clock, now, now, wall);
  const hg_status_t status = hg_app_init(&app, &settings.app, &platform);
  if (status != HG_OK) {
    fprintf(stderr, "hearthgrid: %s: a setting is out of bounds (%d)\n", settings.app.id, (int)status);
    return false;
  }
  hg_app_time(&app, wall - now, (double)NAN);
  return true;
}

static hg_link_t link_step(hg_session_action_t action, const hg_comms_settings_t *comms)
{
  switch (action) {
    case HG_SESSION_PING: return HG_LINK_PONG; /* there is no agent between this node and its middleware */
    case HG_SESSION_OPEN:
      if (hg_comms_open(&app, comms) == HG_OK) {
        return HG_LINK_OPEN;
      }
      complain(monotonic(NULL), "its topics cannot be made; it tries again");
      return HG_LINK_FAILED;
    case HG_SESSION_CLOSE: hg_comms_close(); return HG_LINK_CLOSED;
    default: return HG_LINK_NOTHING;
  }
}

int main(int argc, char **argv)
{
  static const hg_session_settings_t SESSION = HG_SESSION_DEFAULTS;
  hg_session_t session;
  if (argc < 2) {
    fprintf(stderr, "usage: outlet SETTINGS\n");
    return 2;
  }
  if (!hg_posix_read(argv[1], &settings) || !with_supervisor() || !begin()) {
    return 2;
  }
  const struct sigaction end = {.sa_handler = stop};
  const hg_comms_settings_t comms = {.home = settings.home, .samples = take};
  hg_session_init(&session, &SESSION, monotonic(NULL));
  hg_link_t event = HG_LINK_NOTHING;
  for (double next = monotonic(NULL); !stopping;) {
    double now = monotonic(NULL);
    hg_clock_sync(&wall_clock, now, now, read_clock(CLOCK_REALTIME));
    const double wall = hg_clock_now(&wall_clock, now);
    event = link_step(hg_session_step(&session, now, event, (double)draw(NULL) / 4294967296.0), &comms);
    sigaction(SIGINT, &end, NULL); /* again after rcl_init, which has its own ideas of signals in some versions */
    sigaction(SIGTERM, &end, NULL);
    if (session.state == HG_SESSION_JOINED && event == HG_LINK_NOTHING &&
        hg_comms_spin(&app, next - monotonic(NULL)) != HG_OK) {
      complain(now, "a message could not be sent");
    } else if (session.state != HG_SESSION_JOINED) {
      usleep((useconds_t)(STEP * 1e6));
    }
    now = monotonic(NULL);
    if (now >= next) {
      hg_app_time(&app, wall_clock.offset, app.sampled);
      hg_app_control(&app, now);
      next = now - next > 1.0 ? now + STEP : next + STEP;
    }
    follow_keys(now, wall);
  }
  hg_app_release(&app, monotonic(NULL));
  for (int k = 0; k < LAST_WORDS && session.state == HG_SESSION_JOINED; k++) {
    hg_comms_spin(&app, STEP / 2.0);
  }
  if (session.state == HG_SESSION_JOINED) {
    hg_comms_close();
  }
  return 0;
}
