#include "election.h"

#include <math.h>
#include <string.h>

#include "voter.h"

hg_status_t hg_election_init(hg_election_t *e, const hg_election_settings_t *s, const hg_birth_t *birth, double now,
                             hg_random_t random, void *random_context)
{
  if (!(true HG_ELECTION_SETTINGS(HG_WITHIN)) || 2.0 * s->heartbeat > s->timeout ||
      s->canvass > s->timeout * (1.0 - 3.0 * s->drift) || random == NULL || !isfinite(now) || birth->me == HG_NOBODY ||
      birth->me > HG_MEMBERS_MAX) {
    return HG_ERROR_ARGUMENT;
  }
  hg_committee_t committee;
  if (birth->durable != NULL) {
    committee = birth->durable->committee;
  } else if (hg_committee_init(&committee, birth->members, birth->count) != HG_OK) {
    return HG_ERROR_ARGUMENT;
  } else {
    committee.epoch = birth->epoch;
  }
  if (!hg_committee_valid(&committee)) {
    return HG_ERROR_ARGUMENT;
  }
  memset(e, 0, sizeof *e);
  e->settings = *s;
  e->random = random;
  e->random_context = random_context;
  e->me = birth->me;
  e->incarnation = birth->incarnation;
  e->remembers = e->has_stored = birth->durable != NULL;
  e->term = e->remembers ? birth->durable->term : birth->term;
  e->voted = e->remembers ? birth->durable->voted : HG_NOBODY;
  e->committee = e->stored = committee;
  e->role = hg_committee_has(&committee, e->me) ? HG_ROLE_FOLLOWER : HG_ROLE_OBSERVER;
  for (size_t k = 0; k < HG_PLACES; k++) {
    e->heard[k] = e->acks[k] = e->roster[k] = -HG_NEVER;
  }
  e->leader_heard = e->deputy_heard = e->lease_until = -HG_NEVER;
  e->courted_until = e->pledged_until = e->join_at = -HG_NEVER;
  e->canvass_end = e->repeat_at = e->beat_at = e->quorum_at = HG_NEVER;
  e->promised_until = now + s->timeout; /* it may have promised just before it stopped */
  e->timeout_at = now + hg_voter_patience(e);
  e->recall_at = e->remembers ? HG_NEVER : now + s->timeout;
  e->provisional_at = now + 2.0 * s->timeout;
  e->deadline = now;
  return HG_OK;
}

bool hg_election_holds_lease(const hg_election_t *e, double now)
{
  return e->role == HG_ROLE_LEADER && now < e->lease_until;
}

bool hg_election_committed(const hg_election_t *e)
{
  size_t holders = 0;
  for (size_t k = 0; k < e->committee.count; k++) {
    const uint32_t *holds = e->holds[e->committee.members[k]];
    holders += holds[0] == e->committee.term && holds[1] == e->committee.version;
  }
  return e->role == HG_ROLE_LEADER && e->committee.term == e->term && holders >= hg_committee_quorum(&e->committee);
}

hg_fence_t hg_election_authority(const hg_election_t *e, double now)
{
  hg_fence_t fence = {.known = e->provisional, .full = false, .epoch = e->committee.epoch, .term = e->term};
  if (hg_election_holds_lease(e, now)) { /* an epoch counts once committed: a later leader might not know it */
    fence.full = fence.known = e->bus || hg_election_committed(e);
  }
  return fence;
}

size_t hg_election_reachable(const hg_election_t *e, double now, hg_member_t members[HG_COMMITTEE_SIZE_MAX])
{
  size_t count = 0;
  for (size_t k = 0; k < e->committee.count; k++) {
    const hg_member_t m = e->committee.members[k];
    if (m == e->me || e->heard[m] >= now - 2.0 * e->settings.timeout) {
      members[count++] = m;
    }
  }
  return count;
}

static void persisted(hg_election_t *e, double now, uint32_t number, hg_actions_t *out)
{
  hg_message_t ready[HG_WAITING_MAX];
  const size_t count = hg_say_release(e, number, ready);
  e->written = number > e->written ? number : e->written;
  if (e->written >= e->asked_to_write) {
    e->has_stored = true;
    e->stored = e->committee;
    if (e->role == HG_ROLE_LEADER) {
      e->holds[e->me][0] = e->stored.term;
      e->holds[e->me][1] = e->stored.version;
    }
  }
  for (size_t k = 0; k < count; k++) {
    if (ready[k].receiver != e->me) {
      hg_say_send(out, &ready[k]);
    } else if (e->role == HG_ROLE_CANDIDATE) { /* its own vote: now it may ask */
      hg_leader_count(e, now, e->me, out);
      if (e->role == HG_ROLE_CANDIDATE) {
        const hg_message_t word = hg_say_word(e, HG_KIND_VOTE, HG_NOBODY, e->term, e->canvass_round);
        hg_say_send(out, &word);
        e->repeat_at = now + e->settings.repeat;
      }
    }
  }
}

/* A leader does not remove itself: let another be elected first. */
static hg_status_t change(hg_election_t *e, double now, const hg_change_t *wanted, hg_actions_t *out)
{
  if (!hg_election_holds_lease(e, now) || !hg_election_committed(e) || wanted->remove == e->me ||
      hg_committee_changed(&e->committee, wanted, &e->committee) != HG_OK) {
    return HG_ERROR_ARGUMENT;
  }
  hg_say_persist(e, out);
  hg_leader_beat(e, now, out);
  return HG_OK;
}

static void tick(hg_election_t *e, double now, hg_actions_t *out)
{
  if (e->role == HG_ROLE_LEADER) {
    if (now >= e->quorum_at + 2.0 * e->settings.timeout) { /* check-quorum */
      hg_voter_stand_down(e);
      e->timeout_at = now + hg_voter_patience(e);
    } else if (now >= e->beat_at) {
      hg_leader_beat(e, now, out);
    } else if (now >= e->repeat_at) {
      hg_leader_prod(e, now, out);
    }
  } else if (e->role == HG_ROLE_FOLLOWER) {
    if (now >= e->timeout_at && hg_voter_votes(e)) {
      hg_leader_canvass(e, now, out);
    }
  } else if (e->role >= HG_ROLE_PRE_CANDIDATE) {
    if (now >= e->canvass_end) {
      hg_voter_stand_down(e);
      e->timeout_at = now + e->random(e->random_context) * e->settings.spread / 2.0;
    } else if (now >= e->repeat_at) {
      hg_leader_ask(e, now, out);
    }
  }
  if (now >= e->recall_at) {
    hg_recall_begin(e, now, out);
  }
  if (now >= e->provisional_at && e->role != HG_ROLE_LEADER) {
    hg_recall_judge_provisional(e, now, out);
  }
}

static double next(const hg_election_t *e)
{
  switch (e->role) {
    case HG_ROLE_LEADER: return fmin(fmin(e->beat_at, e->repeat_at), e->quorum_at + 2.0 * e->settings.timeout);
    case HG_ROLE_FOLLOWER:
      return fmin(fmin(e->remembers ? e->timeout_at : HG_NEVER, e->recall_at), e->provisional_at);
    case HG_ROLE_OBSERVER: return e->remembers ? HG_NEVER : fmin(e->recall_at, e->provisional_at);
    default: return fmin(fmin(e->canvass_end, e->repeat_at), e->provisional_at);
  }
}

static bool possible(const hg_message_t *m)
{
  return m->sender != HG_NOBODY && m->sender <= HG_MEMBERS_MAX && m->receiver <= HG_MEMBERS_MAX &&
         m->leader <= HG_MEMBERS_MAX && m->term <= HG_TERM_MAX && hg_committee_valid(&m->committee);
}

hg_status_t hg_election_step(hg_election_t *e, double now, const hg_event_t *event, hg_actions_t *out)
{
  out->count = 0;
  if (!isfinite(now) || (event != NULL && event->kind == HG_EVENT_MESSAGE && !possible(&event->message))) {
    return HG_ERROR_ARGUMENT;
  }
  if (event != NULL) {
    const hg_message_t *m = &event->message;
    switch (event->kind) {
      case HG_EVENT_MESSAGE:
        if (m->receiver != HG_NOBODY && m->receiver != e->me && now < e->deadline) {
          hg_voter_overhear(e, m, out); /* which moves no deadline */
          return HG_OK;
        }
        hg_voter_receive(e, now, m, out);
        break;
      case HG_EVENT_PERSISTED: persisted(e, now, event->number, out); break;
      case HG_EVENT_CHANGE:
        if (change(e, now, &event->change, out) != HG_OK) {
          return HG_ERROR_ARGUMENT;
        }
        break;
      case HG_EVENT_BUS: hg_leader_bus(e, now, &event->bus, out); break;
      default: return HG_ERROR_ARGUMENT;
    }
  }
  if (now >= e->deadline) {
    tick(e, now, out);
  }
  e->deadline = next(e);
  return HG_OK;
}
