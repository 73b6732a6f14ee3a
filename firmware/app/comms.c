#include <math.h>
#include <stdio.h>
#include <string.h>

#include <diagnostic_msgs/msg/diagnostic_array.h>
#include <hearthgrid_msgs/msg/ballot.h>
#include <hearthgrid_msgs/msg/breaker.h>
#include <hearthgrid_msgs/msg/island_mode.h>
#include <hearthgrid_msgs/msg/job.h>
#include <hearthgrid_msgs/msg/outlet_state.h>
#include <hearthgrid_msgs/msg/reading.h>
#include <hearthgrid_msgs/msg/relay_command.h>
#include <hearthgrid_msgs/msg/request.h>
#include <hearthgrid_msgs/msg/samples.h>
#include <hearthgrid_msgs/msg/signature.h>
#include <hearthgrid_msgs/msg/waveform.h>
#include <hearthgrid_msgs/srv/capture_waveform.h>
#include <hearthgrid_msgs/srv/get_schedule.h>
#include <hearthgrid_msgs/srv/reset_trip.h>
#include <hearthgrid_msgs/srv/set_priority.h>
#include <hearthgrid_msgs/srv/set_schedule.h>

#include "comms_ros.h"

#define NAME_MAX 128
#define ANSWER_MAX 5.0   /* a question waits so long for its answer [s] */
#define LISTENERS 1.0    /* between looks at who listens [s] */
#define HEALTH 1.0       /* between reports [s] */

hg_comms_t hg_comms;

static bool good(rcl_ret_t status)
{
  if (status != RCL_RET_OK) {
    rcl_reset_error();
  }
  return status == RCL_RET_OK;
}

static const char *name_of(char *out, const struct hg_app *app, hg_scope_t scope, const char *name)
{
  const char *home = hg_comms.settings.home;
  if (scope == HG_SCOPE_GLOBAL) {
    snprintf(out, NAME_MAX, "/%s", name);
  } else if (scope == HG_SCOPE_HOME) {
    snprintf(out, NAME_MAX, "%s/%s", home, name);
  } else {
    snprintf(out, NAME_MAX, "%s/%s/%s", home, app->settings.id, name);
  }
  return out;
}

static rmw_qos_profile_t quality(bool reliable, bool kept, size_t depth)
{
  rmw_qos_profile_t q = {.history = RMW_QOS_POLICY_HISTORY_KEEP_LAST, .depth = depth,
                         .reliability = reliable ? RMW_QOS_POLICY_RELIABILITY_RELIABLE
                                                 : RMW_QOS_POLICY_RELIABILITY_BEST_EFFORT,
                         .durability = kept ? RMW_QOS_POLICY_DURABILITY_TRANSIENT_LOCAL
                                            : RMW_QOS_POLICY_DURABILITY_VOLATILE,
                         .liveliness = RMW_QOS_POLICY_LIVELINESS_AUTOMATIC};
  return q;
}

static bool publisher(const struct hg_app *app, int to, const rosidl_message_type_support_t *type, const char *name,
                      hg_scope_t scope, rmw_qos_profile_t qos)
{
  char full[NAME_MAX];
  rcl_publisher_options_t options = rcl_publisher_get_default_options();
  options.qos = qos;
#ifdef HG_MICRO_ROS
  if (to == HG_TO_WAVEFORMS) { /* longer than a datagram: only a reliable stream takes it apart */
    options.qos.reliability = RMW_QOS_POLICY_RELIABILITY_RELIABLE;
  }
#endif
  return good(rcl_publisher_init(&hg_comms.to[to], &hg_comms.node, type, name_of(full, app, scope, name), &options));
}

static bool subscription(const struct hg_app *app, int from, const rosidl_message_type_support_t *type,
                         const char *name, hg_scope_t scope, rmw_qos_profile_t qos)
{
  char full[NAME_MAX];
  rcl_subscription_options_t options = rcl_subscription_get_default_options();
  options.qos = qos;
  return good(rcl_subscription_init(&hg_comms.from[from], &hg_comms.node, type, name_of(full, app, scope, name),
                                    &options));
}

static bool service(const struct hg_app *app, int at, const rosidl_service_type_support_t *type, const char *name,
                    hg_scope_t scope)
{
  char full[NAME_MAX];
  const rcl_service_options_t options = rcl_service_get_default_options();
  return good(rcl_service_init(&hg_comms.at[at], &hg_comms.node, type, name_of(full, app, scope, name), &options));
}

#define MAKE_PUBLISHER(c, package, kind, name, scope, reliable, kept, depth) \
  made = made && publisher(app, HG_TO_##c, ROSIDL_GET_MSG_TYPE_SUPPORT(package, msg, kind), name, scope, \
                           quality(reliable, kept, depth));
#define MAKE_SUBSCRIPTION(c, package, kind, name, scope, reliable, kept, depth) \
  made = made && subscription(app, HG_FROM_##c, ROSIDL_GET_MSG_TYPE_SUPPORT(package, msg, kind), name, scope, \
                              quality(reliable, kept, depth));
#define MAKE_SERVICE(c, package, kind, name, scope) \
  made = made && service(app, HG_AT_##c, ROSIDL_GET_SRV_TYPE_SUPPORT(package, srv, kind), name, scope);

static bool entities(const struct hg_app *app)
{
  bool made = true;
  HG_PUBLISHERS(MAKE_PUBLISHER)
  HG_SUBSCRIPTIONS(MAKE_SUBSCRIPTION)
  HG_SERVICES(MAKE_SERVICE)
  hg_comms.froms = HG_FROM_ADC;
  if (hg_comms.settings.samples != NULL) {
    HG_SIMULATED(MAKE_SUBSCRIPTION)
    hg_comms.froms = HG_FROMS;
  }
  return made;
}

static void zero(void)
{
  hg_comms.options = rcl_get_zero_initialized_init_options();
  hg_comms.context = rcl_get_zero_initialized_context();
  hg_comms.node = rcl_get_zero_initialized_node();
  hg_comms.wait = rcl_get_zero_initialized_wait_set();
  for (int k = 0; k < HG_TOS; k++) {
    hg_comms.to[k] = rcl_get_zero_initialized_publisher();
  }
  for (int k = 0; k < HG_FROMS; k++) {
    hg_comms.from[k] = rcl_get_zero_initialized_subscription();
  }
  for (int k = 0; k < HG_ATS; k++) {
    hg_comms.at[k] = rcl_get_zero_initialized_service();
    hg_comms.pending[k].waits = false;
  }
}

hg_status_t hg_comms_open(struct hg_app *app, const hg_comms_settings_t *settings)
{
  hg_comms_t *c = &hg_comms;
  const rcl_allocator_t allocator = rcl_get_default_allocator();
  char space[NAME_MAX];
  zero();
  c->settings = *settings;
  c->failed = false;
  c->listeners = 0;
  c->checked_at = c->health_at = 0.0;
  rcl_node_options_t options = rcl_node_get_default_options();
  options.enable_rosout = false;
  snprintf(space, sizeof space, "%s/%s", settings->home, app->settings.id);
  c->has_options = good(rcl_init_options_init(&c->options, allocator));
  c->has_context = c->has_options && good(rcl_init(settings->argc, settings->argv, &c->options, &c->context));
  c->has_node = c->has_context && good(rcl_node_init(&c->node, "outlet", space, &c->context, &options));
  if (!c->has_node) {
    hg_comms_close();
    return HG_ERROR_MEDIUM;
  }
  if (!hg_comms_messages() || !entities(app)) {
    hg_comms_close();
    return HG_ERROR_FULL;
  }
  c->has_wait = good(rcl_wait_set_init(&c->wait, c->froms, 0, 0, 0, HG_ATS, 0, &c->context, allocator));
  if (!c->has_wait) {
    hg_comms_close();
    return HG_ERROR_FULL;
  }
  return HG_OK;
}

void hg_comms_close(void)
{
  hg_comms_t *c = &hg_comms;
  bool clean = !c->has_wait || good(rcl_wait_set_fini(&c->wait));
  for (int k = 0; k < HG_ATS && c->has_node; k++) {
    clean = good(rcl_service_fini(&c->at[k], &c->node)) && clean;
  }
  for (int k = 0; k < HG_FROMS && c->has_node; k++) {
    clean = good(rcl_subscription_fini(&c->from[k], &c->node)) && clean;
  }
  for (int k = 0; k < HG_TOS && c->has_node; k++) {
    clean = good(rcl_publisher_fini(&c->to[k], &c->node)) && clean;
  }
  clean = (!c->has_node || good(rcl_node_fini(&c->node))) && clean;
  clean = (!c->has_context || (good(rcl_shutdown(&c->context)) && good(rcl_context_fini(&c->context)))) && clean;
  clean = (!c->has_options || good(rcl_init_options_fini(&c->options))) && clean;
  (void)clean; /* with the agent gone it cannot be: what is left on this side is forgotten */
  c->has_wait = c->has_node = c->has_context = c->has_options = false;
}

void hg_comms_send(int to, const void *message)
{
  if (!good(rcl_publish(&hg_comms.to[to], message, NULL))) {
    hg_comms.failed = true;
  }
}

/* An identifier that starts late must not wait for the heartbeat. */
static void look_for_listeners(struct hg_app *app, double now)
{
  size_t listeners = 0;
  if (now - hg_comms.checked_at < LISTENERS ||
      !good(rcl_publisher_get_subscription_count(&hg_comms.to[HG_TO_SIGNATURES], &listeners))) {
    return;
  }
  hg_comms.checked_at = now;
  if (listeners > hg_comms.listeners) {
    __atomic_store_n(&app->show[0], app->show[0] + 1U, __ATOMIC_RELEASE);
  }
  hg_comms.listeners = listeners;
}

hg_status_t hg_comms_spin(struct hg_app *app, double timeout)
{
  hg_comms_t *c = &hg_comms;
  hg_comms_say(app);
  hg_comms_answer(app);
  bool ready = good(rcl_wait_set_clear(&c->wait));
  for (size_t k = 0; k < c->froms && ready; k++) {
    ready = good(rcl_wait_set_add_subscription(&c->wait, &c->from[k], NULL));
  }
  for (size_t k = 0; k < HG_ATS && ready; k++) {
    ready = good(rcl_wait_set_add_service(&c->wait, &c->at[k], NULL));
  }
  if (!ready) {
    return HG_ERROR_MEDIUM;
  }
  const int64_t wait = timeout > 0.0 ? (int64_t)(timeout * 1e9) : 0;
  const rcl_ret_t status = rcl_wait(&c->wait, wait);
  if (status == RCL_RET_OK) {
    for (size_t k = 0; k < c->froms; k++) {
      if (c->wait.subscriptions[k] != NULL) {
        hg_comms_hear(app, (int)k);
      }
    }
    for (size_t k = 0; k < HG_ATS; k++) {
      if (c->wait.services[k] != NULL) {
        hg_comms_serve(app, (int)k);
      }
    }
  } else {
    rcl_reset_error();
    c->failed = c->failed || status != RCL_RET_TIMEOUT;
  }
  const double now = app->platform.monotonic(app->platform.context);
  for (size_t k = 0; k < HG_ATS; k++) {
    c->pending[k].waits = c->pending[k].waits && now - c->pending[k].since < ANSWER_MAX;
  }
  look_for_listeners(app, now);
  if (now - c->health_at >= HEALTH) {
    c->health_at = now;
    hg_comms_health(app, now);
  }
  const bool failed = c->failed;
  c->failed = false;
  return failed ? HG_ERROR_MEDIUM : HG_OK;
}
