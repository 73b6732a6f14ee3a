#include "island.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WITNESS 2.0 /* for so long another member's word counts as evidence [s] */
#define EPSILON 1e-9
#define NEVER (-(double)INFINITY)

static const double SAGS[HG_DETECTOR_SAGS][2] = HG_DETECTOR_SAG_TABLE; /* level over nominal, half cycles or cycles */

hg_status_t hg_island_init(hg_island_t *i, const hg_island_settings_t *k, double now)
{
  if (!(k->nominal_voltage > 0.0 && k->nominal_frequency > 0.0 && k->silence > 0.0 && k->return_time >= 0.0)) {
    return HG_ERROR_ARGUMENT;
  }
  memset(i, 0, sizeof *i);
  i->settings = *k;
  i->voltage = i->frequency = (double)NAN;
  i->open_since = (double)INFINITY;
  i->watch_since = i->since = now;
  i->mode = HG_ISLAND_GRID;
  snprintf(i->evidence, sizeof i->evidence, "nothing seen yet");
  return HG_OK;
}

/* The watch. */

void hg_island_look(hg_island_t *i, const hg_look_t *look)
{
  const double half = 0.5 / i->settings.nominal_frequency, ratio = look->frequency / i->settings.nominal_frequency;
  i->lowest = i->good ? fmin(i->lowest, look->voltage) : look->voltage;
  i->highest = i->good ? fmax(i->highest, look->voltage) : look->voltage;
  i->good = i->seen = true;
  i->seen_at = i->seen_at > look->time ? i->seen_at : look->time;
  i->voltage = look->voltage;
  i->frequency = look->frequency;
  i->broken = false;
  const bool astray = ratio < HG_DETECTOR_FREQUENCY_MIN || ratio > HG_DETECTOR_FREQUENCY_MAX;
  i->astray_for = astray ? i->astray_for + half : 0.0;
  if (i->astray_for > HG_DETECTOR_FREQUENCY_TIME) {
    i->broken = true;
    snprintf(i->broken_by, sizeof i->broken_by, "%.2f Hz for %.2f s", look->frequency, i->astray_for);
  }
  for (size_t k = 0; k < HG_DETECTOR_SAGS; k++) {
    const double limit = SAGS[k][0] * i->settings.nominal_voltage;
    i->low_for[k] = look->voltage < limit ? i->low_for[k] + half : 0.0;
    if (i->low_for[k] > SAGS[k][1] + EPSILON) {
      i->broken = true;
      snprintf(i->broken_by, sizeof i->broken_by, "%.0f V, under %.0f V for %.0f ms", look->voltage, limit,
               1e3 * i->low_for[k]);
    }
  }
}

void hg_island_tie(hg_island_t *i, double stamp, bool known, bool closed, bool alive)
{
  i->tie_spoke = true;
  i->tie_known = known;
  i->tie_closed = closed;
  i->tie_alive = alive;
  i->tie_at = stamp;
}

bool hg_island_cut(const hg_island_t *i) { return i->tie_spoke && i->tie_known && !i->tie_closed; }

static bool fresh_tie(const hg_island_t *i, double now)
{
  return i->tie_spoke && now - i->tie_at <= i->settings.tie_age_max;
}

static bool is_outage(hg_island_mode_t mode) { return mode == HG_ISLAND_OUTAGE || mode == HG_ISLAND_REGULATE; }

static bool is_blind(const hg_island_t *i, double now)
{
  return !i->seen || now - i->seen_at > i->settings.silence_max;
}

static hg_island_mode_t judge(hg_island_t *i, double now, char *evidence, size_t room)
{
  const bool open = hg_island_cut(i);
  i->open_since = open ? fmin(i->open_since, now) : (double)INFINITY;
  if (is_blind(i, now)) {
    char blind[48] = "no samples yet";
    if (i->seen) {
      snprintf(blind, sizeof blind, "no samples for %.0f s", now - i->seen_at);
    }
    if (!fresh_tie(i, now) || !i->tie_known) {
      snprintf(evidence, room, "%s, and no word of the tie", blind);
      return HG_ISLAND_UNKNOWN;
    }
    if (!open && i->tie_alive) {
      snprintf(evidence, room, "%s; the tie is closed and sees the grid", blind);
      return HG_ISLAND_GRID;
    }
    snprintf(evidence, room, "%s; the tie is %s", blind, open ? "open" : "closed on a dead grid");
    return HG_ISLAND_OUTAGE;
  }
  if (i->broken) {
    snprintf(evidence, room, "%s; %s", i->broken_by,
             !i->tie_spoke || !i->tie_known ? "the tie has not spoken"
             : i->tie_alive                 ? "the tie sees the grid: perhaps only this branch"
                                            : "the tie sees no grid");
    return HG_ISLAND_OUTAGE;
  }
  if (open && (i->watch != HG_ISLAND_GRID || now - i->open_since >= i->settings.open_time)) {
    snprintf(evidence, room, "the tie is open and %.0f V are here: the home feeds itself", i->voltage);
    return HG_ISLAND_REGULATE;
  }
  snprintf(evidence, room, "%.0f V, %.2f Hz", i->voltage, i->frequency);
  return HG_ISLAND_GRID;
}

/* Voltage and frequency (blind: the tie's word) have been those of a sound grid for long. */
static bool stable(hg_island_t *i, double now)
{
  const hg_island_settings_t *k = &i->settings;
  const bool sound = is_blind(i, now) || (i->lowest >= k->return_voltage_min * k->nominal_voltage &&
                                          i->highest <= k->return_voltage_max * k->nominal_voltage &&
                                          fabs(i->frequency / k->nominal_frequency - 1.0) <= k->return_frequency_span);
  if (!sound || isnan(i->good_since)) {
    i->good_since = sound ? now : (double)NAN;
  }
  return sound && now - i->good_since >= k->return_time;
}

static void watch(hg_island_t *i, double now)
{
  char evidence[HG_EVIDENCE_LENGTH + 1];
  hg_island_mode_t mode = judge(i, now, evidence, sizeof evidence);
  const bool returning = mode == HG_ISLAND_GRID && is_outage(i->watch);
  if (!returning) {
    i->good_since = (double)NAN;
  } else if (!stable(i, now)) {
    mode = i->watch;
  }
  i->good = false; /* the next look begins a new span of highest and lowest */
  if (mode != i->watch || mode == HG_ISLAND_UNKNOWN) {
    i->watch_since = mode != i->watch ? now : i->watch_since;
    i->watch = mode;
    memcpy(i->evidence, evidence, sizeof evidence);
  }
}

/* The others. */

void hg_island_heard(hg_island_t *i, double now, hg_member_t peer, uint8_t mode)
{
  if (peer < HG_PLACES) {
    i->peers[peer] = mode;
    i->peers_at[peer] = now;
  }
}

static uint32_t witnesses(const hg_island_t *i, double now)
{
  uint32_t count = 0;
  for (size_t k = 1; k < HG_PLACES; k++) {
    count += i->peers[k] > HG_ISLAND_GRID && now - i->peers_at[k] <= WITNESS;
  }
  return count;
}

/* More than this member's own branch shows an outage. Alone, and with no word of the tie, its own evidence must do. */
static bool witnessed(const hg_island_t *i, double now, const hg_election_t *e)
{
  const bool tie = fresh_tie(i, now);
  return (tie && i->tie_known && (!i->tie_closed || !i->tie_alive)) || witnesses(i, now) > 0 ||
         (!tie && e->committee.count == 1);
}

static bool leads(const hg_election_t *e) { return e->role == HG_ROLE_LEADER || e->provisional; }

static hg_member_t leader_of(const hg_island_t *i, double now, const hg_election_t *e, bool *provisional)
{
  *provisional = false;
  if (e->role == HG_ROLE_LEADER) {
    return e->me;
  }
  if (!e->provisional && e->leader != HG_NOBODY && now - e->leader_heard < i->settings.silence) {
    return e->leader;
  }
  *provisional = e->provisional || now - e->deputy_heard < i->settings.silence;
  return e->provisional ? e->me : *provisional ? e->deputy : HG_NOBODY;
}

static uint8_t mode_of_leader(const hg_island_t *i, double now, const hg_election_t *e)
{
  bool provisional;
  const hg_member_t leader = leader_of(i, now, e, &provisional);
  return leader == HG_NOBODY || leader == e->me ? 0 : provisional ? e->deputy_mode : e->leader_mode;
}

/* The sequence. */

static hg_island_mode_t following(const hg_island_t *i, uint8_t told)
{
  if (told <= HG_ISLAND_CONFIRMATION) {
    return HG_ISLAND_CONFIRMATION;
  }
  return told > (uint8_t)i->mode && (uint8_t)i->mode + 1 < told ? (hg_island_mode_t)(i->mode + 1)
                                                                : (hg_island_mode_t)told;
}

static hg_island_mode_t next_mode(const hg_island_t *i, double now, const hg_election_t *e)
{
  const hg_island_settings_t *k = &i->settings;
  const uint8_t told = mode_of_leader(i, now, e);
  const bool blind = i->watch == HG_ISLAND_UNKNOWN && witnesses(i, now) > 1;
  const bool outage = is_outage(i->watch) || (told >= HG_ISLAND_JOIN && !leads(e)) || blind;
  const double waited = now - i->since;
  if (i->watch == HG_ISLAND_GRID && !outage) {
    return HG_ISLAND_GRID;
  }
  if (i->mode == HG_ISLAND_GRID) {
    return outage ? HG_ISLAND_OUTAGE : i->mode;
  }
  if (i->mode == HG_ISLAND_OUTAGE) {
    return HG_ISLAND_ELECTION;
  }
  if (!leads(e) && !(now - fmax(e->leader_heard, e->deputy_heard) < k->silence)) {
    return HG_ISLAND_ELECTION;
  }
  if (i->mode == HG_ISLAND_ELECTION) {
    return HG_ISLAND_CONFIRMATION;
  }
  if (!leads(e)) {
    return following(i, told);
  }
  const bool authority = hg_election_authority(e, now).known && witnessed(i, now, e);
  const bool in_step = fresh_tie(i, now) && i->tie_known && i->tie_alive;
  switch (i->mode) {
    case HG_ISLAND_CONFIRMATION: return authority ? HG_ISLAND_JOIN : i->mode;
    case HG_ISLAND_JOIN: return waited >= k->join_time ? HG_ISLAND_SHED : i->mode;
    case HG_ISLAND_SHED: return waited >= k->shed_time ? HG_ISLAND_REGULATE : i->mode;
    case HG_ISLAND_REGULATE: return in_step && authority ? HG_ISLAND_SYNCHRONISE : i->mode;
    default: return in_step ? i->mode : HG_ISLAND_REGULATE;
  }
}

/* What is told. */

static void answering(double now, const hg_election_t *e, hg_island_view_t *view)
{
  if (e->provisional) {
    view->count = hg_election_reachable(e, now, view->members);
    return;
  }
  if (!hg_election_holds_lease(e, now)) {
    return;
  }
  const double since = now - 3.0 * fmax(e->settings.join, e->settings.timeout);
  for (size_t k = 1; k < HG_PLACES && view->count < HG_MEMBERS_MAX; k++) {
    if (k == e->me || e->roster[k] >= since) {
      view->members[view->count++] = (hg_member_t)k;
    }
  }
}

static void describe(const hg_island_t *i, double now, const hg_election_t *e, hg_island_view_t *view)
{
  const hg_fence_t fence = hg_election_authority(e, now);
  memset(view, 0, sizeof *view);
  view->mode = i->mode;
  view->since = i->since;
  view->epoch = e->committee.epoch;
  view->term = e->term;
  view->leader = leader_of(i, now, e, &view->provisional);
  view->authority = fence.known && fence.full;
  view->committee = e->committee;
  view->voltage = i->voltage;
  view->frequency = i->frequency;
  answering(now, e, view);
  memcpy(view->evidence, i->evidence, sizeof view->evidence);
  const size_t length = strlen(view->evidence), room = sizeof view->evidence - length;
  if (i->mode == HG_ISLAND_GRID) {
    view->mode = i->watch == HG_ISLAND_UNKNOWN ? HG_ISLAND_UNKNOWN : i->mode;
    view->since = i->watch == HG_ISLAND_UNKNOWN ? i->watch_since : fmax(i->since, i->watch_since);
  } else if (!is_outage(i->watch)) {
    snprintf(view->evidence + length, room, "; it was an outage before, or the leader says so");
  } else if (i->mode == HG_ISLAND_CONFIRMATION && leads(e) && !witnessed(i, now, e)) {
    snprintf(view->evidence + length, room, "; waits for a second witness");
  }
}

static bool same(const hg_island_view_t *a, const hg_island_view_t *b)
{
  return a->mode == b->mode && a->since == b->since && a->epoch == b->epoch && a->term == b->term &&
         a->leader == b->leader && a->provisional == b->provisional && a->authority == b->authority &&
         a->committee.count == b->committee.count && a->count == b->count &&
         memcmp(a->committee.members, b->committee.members, sizeof a->committee.members) == 0 &&
         memcmp(a->members, b->members, sizeof a->members) == 0;
}

bool hg_island_step(hg_island_t *i, double now, hg_election_t *e, hg_island_view_t *view, bool *opened)
{
  *opened = false;
  watch(i, now);
  const hg_island_mode_t mode = next_mode(i, now, e);
  if (mode != i->mode) {
    i->mode = mode;
    i->since = now;
    e->mode = (uint8_t)mode;
    *opened = mode == HG_ISLAND_OUTAGE;
  }
  describe(i, now, e, view);
  if (i->told_any && same(view, &i->told)) {
    return false;
  }
  i->told_any = true;
  i->told = *view;
  return true;
}
