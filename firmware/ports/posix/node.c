#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <string.h>
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
#define SECTOR 16384U
#define DEVICES_SECTOR 65536U
#define KEYS_PERIOD 1.0  /* between looks at the key file [s] */

static struct hg_app app;
static hg_posix_settings_t settings;
static hg_clock_t wall_clock;
static hg_session_t session;
static hg_link_t event;
static double next;
static const hg_posix_clocks_t *clocks;
static struct {
  double temperature, last_stamp, complained[HG_DROPS];
  int disorder;
  bool begun;
  uint32_t sequence;
} converter;
static struct {
  struct stat seen;
  double looked;
  bool read; /* once: what it said then holds while it cannot be read again */
  hg_keyring_t requests, ballots;
} keys;

static double read_clock(clockid_t which)
{
  struct timespec t;
  clock_gettime(which, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* It counts while the machine sleeps, so that a lease ends then. */
static double boot_time(void) { return read_clock(CLOCK_BOOTTIME); }
static double wall_time(void) { return read_clock(CLOCK_REALTIME); }

static double monotonic(void *context)
{
  (void)context;
  return clocks->monotonic();
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
    bits = (uint32_t)(boot_time() * 1e9);
  }
  return bits;
}

/* As rclpy writes, so that a supervisor reads both alike. */
static void tell(void *context, hg_log_t level, const char *text)
{
  static const char *const LEVELS[] = {"INFO", "WARN", "ERROR"};
  (void)context;
  printf("[%s] [%.9f] [%s.%s.outlet]: %s\n", LEVELS[level], wall_time(), settings.home + 1, settings.app.id, text);
  fflush(stdout);
}

/* Why a block is not used. The order is that of hearthgrid_core.outlet.capture. */
static hg_drop_t drop(const hg_block_t *b, double wall)
{
  const double last = converter.disorder >= ORDER_MAX ? -(double)INFINITY : converter.last_stamp;
  if (!(b->sampling_rate > 1e3 && b->sampling_rate < 1e6)) {
    return HG_DROP_RATE;
  }
  if (!(fabs(b->nominal_frequency - app.settings.detector.nominal_frequency) < 0.01)) {
    return HG_DROP_NOMINAL;
  }
  if (!(b->scale.voltage > 0.0 && b->scale.current > 0.0 && isfinite(b->scale.voltage) && isfinite(b->scale.current))) {
    return HG_DROP_SCALE;
  }
  if (!((double)b->n >= b->sampling_rate / b->nominal_frequency)) {
    return HG_DROP_LENGTH;
  }
  if (!(wall - b->stamp >= -FUTURE_MAX && wall - b->stamp <= AGE_MAX)) {
    return HG_DROP_STAMP;
  }
  if (!(b->stamp > last)) {
    converter.disorder++;
    return HG_DROP_ORDER;
  }
  const hg_scale_t *scale = &app.settings.scale;
  const bool another = fabs(b->sampling_rate - app.settings.sampling_rate) > 1e-3 ||
                       fabs(b->scale.voltage - scale->voltage) > 0.0 || fabs(b->scale.current - scale->current) > 0.0;
  return another && hg_app_converter(&app, b->sampling_rate, b->scale) != HG_OK ? HG_DROP_RATE : HG_DROP_NONE;
}

static void complain(double now, hg_drop_t kind, const char *text)
{
  if (now - converter.complained[kind] >= REPEAT) {
    converter.complained[kind] = now;
    tell(NULL, HG_LOG_WARNING, text);
  }
}

static hg_drop_t take(void *context, const hg_block_t *b, uint32_t *lost)
{
  static const char *const WORDS[HG_DROPS] = {
    [HG_DROP_LENGTH] = "voltage and current differ in length or hold less than one mains cycle",
    [HG_DROP_RATE] = "the outlet in C takes 128 samples a cycle, and nothing else",
    [HG_DROP_NOMINAL] = "its nominal frequency is not this home's",
    [HG_DROP_SCALE] = "a scale is not a number above 0",
    [HG_DROP_STAMP] = "its stamp is far from this clock",
    [HG_DROP_ORDER] = "it is not younger than the last"};
  const double now = monotonic(NULL), wall = hg_clock_now(&wall_clock, now);
  const hg_drop_t trouble = drop(b, wall);
  char text[HG_MESSAGE_LENGTH];
  (void)context;
  *lost = 0;
  if (trouble != HG_DROP_NONE) {
    snprintf(text, sizeof text, "a block of samples is dropped: %s", WORDS[trouble]);
    complain(now, trouble, text);
    return trouble;
  }
  if (converter.begun && b->sequence != converter.sequence + 1U) {
    *lost = b->sequence > converter.sequence + 1U ? b->sequence - converter.sequence - 1U : 0U;
    hg_app_gap(&app);
  }
  if (*lost > 0) {
    snprintf(text, sizeof text, "%lu blocks are missing before number %lu", (unsigned long)*lost,
             (unsigned long)b->sequence);
    complain(now, HG_DROP_NONE, text);
  }
  converter.begun = true;
  converter.sequence = b->sequence;
  converter.disorder = 0;
  converter.last_stamp = b->stamp;
  converter.temperature = b->temperature;
  for (size_t k = 0; k < b->n; k++) {
    hg_app_sample(&app, b->voltage[k], b->current[k]);
  }
  hg_app_time(&app, wall - now, b->stamp + (double)b->n / b->sampling_rate);
  hg_app_control(&app, now);
  hg_app_analyse(&app, now);
  return HG_DROP_NONE;
}

/* Look at the key file; only a good one changes anything. Until there was one nobody is believed. */
static void look_at_keys(void)
{
  struct stat found;
  hg_keyring_t requests, ballots;
  memset(&found, 0, sizeof found);
  const bool there = stat(settings.keys_file, &found) == 0;
  const bool same = keys.read && there && found.st_mtim.tv_sec == keys.seen.st_mtim.tv_sec &&
                    found.st_mtim.tv_nsec == keys.seen.st_mtim.tv_nsec && found.st_ino == keys.seen.st_ino &&
                    found.st_size == keys.seen.st_size;
  if (same) {
    return;
  }
  const bool good = there && hg_posix_keys(settings.keys_file, settings.app.id, &requests, &ballots);
  if (good) {
    keys.seen = found;
    keys.requests = requests;
    keys.ballots = ballots;
  }
  if (good != !app.keys_trouble) {
    tell(NULL, good ? HG_LOG_INFO : HG_LOG_ERROR,
         good       ? "the key file can be used again"
         : keys.read ? "the key file cannot be read; the keys read before stay in force"
                     : "the key file cannot be read; no command is obeyed");
  }
  keys.read = keys.read || good;
  app.keys_trouble = !good;
  hg_app_keys(&app, &keys.requests, &keys.ballots);
}

void hg_node_keys(double now)
{
  if (settings.keys_file[0] != 0 && !(now - keys.looked < KEYS_PERIOD)) {
    keys.looked = now;
    look_at_keys();
  }
}

struct hg_app *hg_node_app(void) { return &app; }

bool hg_node_begin(const char *path, const hg_posix_clocks_t *given)
{
  static const hg_posix_clocks_t SYSTEM = {boot_time, wall_time};
  static const hg_session_settings_t SESSION = HG_SESSION_DEFAULTS;
  hg_platform_t platform = {.monotonic = monotonic, .local = local, .relay = relay, .temperature = temperature,
                            .random = draw, .log = tell};
  clocks = given != NULL ? given : &SYSTEM;
  if (!hg_posix_read(path, &settings)) {
    return false;
  }
  memset(&converter, 0, sizeof converter);
  memset(&keys, 0, sizeof keys);
  converter.temperature = (double)NAN;
  converter.last_stamp = keys.looked = -(double)INFINITY;
  for (int k = 0; k < HG_DROPS; k++) {
    converter.complained[k] = -(double)INFINITY;
  }
  hg_posix_flash(settings.state_dir, settings.app.id, "member", SECTOR, MEMBER_SLOT, &platform.flash[HG_KEEP_MEMBER]);
  hg_posix_flash(settings.state_dir, settings.app.id, "outlet", SECTOR, OUTLET_SLOT, &platform.flash[HG_KEEP_OUTLET]);
  hg_posix_flash(settings.state_dir, settings.app.id, "devices", DEVICES_SECTOR, HG_DEVICES_SLOT,
                 &platform.flash[HG_KEEP_DEVICES]);
  const double now = clocks->monotonic(), wall = clocks->wall();
  settings.app.incarnation = (uint64_t)(wall * 1e9);
  tzset();
  hg_clock_init(&wall_clock);
  hg_clock_sync(&wall_clock, now, now, wall);
  const hg_status_t status = hg_app_init(&app, &settings.app, &platform);
  if (status != HG_OK) {
    fprintf(stderr, "hearthgrid: %s: a setting is out of bounds (%d)\n", settings.app.id, (int)status);
    hg_posix_flash_close();
    return false;
  }
  keys.requests.required = keys.ballots.required = true;
  hg_node_keys(now);
  hg_app_time(&app, wall - now, (double)NAN);
  hg_session_init(&session, &SESSION, now);
  event = HG_LINK_NOTHING;
  next = now;
  return true;
}

static hg_link_t link_step(hg_session_action_t action)
{
  const hg_comms_settings_t comms = {.home = settings.home, .samples = take};
  switch (action) {
    case HG_SESSION_PING: return HG_LINK_PONG; /* there is no agent between this node and its middleware */
    case HG_SESSION_OPEN:
      if (hg_comms_open(&app, &comms) == HG_OK) {
        return HG_LINK_OPEN;
      }
      complain(monotonic(NULL), HG_DROP_NONE, "its topics cannot be made; it tries again");
      return HG_LINK_FAILED;
    case HG_SESSION_CLOSE: hg_comms_close(); return HG_LINK_CLOSED;
    default: return HG_LINK_NOTHING;
  }
}

void hg_node_step(double wait_max)
{
  double now = monotonic(NULL);
  hg_clock_sync(&wall_clock, now, now, clocks->wall());
  event = link_step(hg_session_step(&session, now, event, (double)draw(NULL) / 4294967296.0));
  if (session.state == HG_SESSION_JOINED && event == HG_LINK_NOTHING) {
    if (hg_comms_spin(&app, fmin(next - monotonic(NULL), wait_max)) != HG_OK) {
      complain(now, HG_DROP_NONE, "a message could not be sent");
    }
  } else if (session.state != HG_SESSION_JOINED) {
    usleep((useconds_t)(fmin(STEP, wait_max) * 1e6));
  }
  now = monotonic(NULL);
  if (now >= next) {
    hg_app_time(&app, wall_clock.offset, app.sampled);
    hg_app_control(&app, now);
    hg_app_analyse(&app, now);
    next = now - next > 1.0 ? now + STEP : next + STEP;
  }
  hg_node_keys(now);
}

void hg_node_end(void)
{
  hg_app_release(&app, monotonic(NULL));
  for (int k = 0; k < LAST_WORDS && session.state == HG_SESSION_JOINED; k++) {
    hg_comms_spin(&app, STEP / 2.0);
  }
  if (session.state == HG_SESSION_JOINED) {
    hg_comms_close();
  }
  hg_posix_flash_close();
}
