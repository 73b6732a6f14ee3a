/* Candidates and leaders of the election. */
#include <math.h>
#include <string.h>

#include "voter.h"

static void forget_votes(hg_election_t *e)
{
  memset(e->votes, 0, sizeof e->votes);
  memset(e->refused, 0, sizeof e->refused);
  e->voted_any = false;
  e->bus = false;
}

/* Candidates. */

void hg_leader_canvass(hg_election_t *e, double now, hg_actions_t *out)
{
  e->role = HG_ROLE_PRE_CANDIDATE;
  e->round++;
  e->canvass_round = e->round;
  e->canvass_end = now + e->settings.canvass;
  forget_votes(e);
  if (now >= e->courted_until) {
    e->courted = e->me;
    e->courted_until = now + e->settings.courtship;
  }
  hg_leader_ask(e, now, out);
  hg_leader_count(e, now, e->me, out);
}

void hg_leader_ask(hg_election_t *e, double now, hg_actions_t *out)
{
  const bool pre = e->role == HG_ROLE_PRE_CANDIDATE;
  const bool in_vain = now >= e->canvass_end - e->settings.canvass + 1.5 * e->settings.repeat;
  hg_message_t word = hg_say_word(e, pre ? HG_KIND_PRE_VOTE : HG_KIND_VOTE, HG_NOBODY, pre ? e->term + 1U : e->term,
                                  e->canvass_round);
  if (!e->voted_any) {
    hg_say_send(out, &word);
  }
  word.granted = in_vain;
  for (size_t k = 0; k < e->committee.count && e->voted_any; k++) {
    const hg_member_t m = e->committee.members[k];
    if (m != e->me && !e->votes[m] && (pre || !e->refused[m])) {
      word.receiver = m;
      hg_say_send(out, &word);
    }
  }
  e->repeat_at = now + e->settings.repeat;
}

static void stand(hg_election_t *e, double now, hg_actions_t *out)
{
  if (hg_voter_sticky(e, now)) {
    return;
  }
  e->role = HG_ROLE_CANDIDATE;
  e->term++;
  e->voted = e->me;
  e->round++;
  e->canvass_round = e->round;
  e->canvass_end = now + e->settings.canvass;
  e->repeat_at = HG_NEVER;
  e->pledged_until = e->canvass_end;
  forget_votes(e);
  const uint32_t number = hg_say_persist(e, out);
  hg_message_t own = hg_say_word(e, HG_KIND_VOTE_REPLY, e->me, e->term, e->round); /* its vote: then it may ask */
  own.granted = true;
  hg_say_after(e, number, &own);
}

static void extend(hg_election_t *e)
{
  double acks[HG_COMMITTEE_SIZE_MAX] = {0}; /* the newest first */
  for (size_t k = 0; k < e->committee.count; k++) {
    const double ack = e->acks[e->committee.members[k]];
    size_t place = k;
    for (; place > 0 && acks[place - 1] < ack; place--) {
      acks[place] = acks[place - 1];
    }
    acks[place] = ack;
  }
  const double start = acks[hg_committee_quorum(&e->committee) - 1];
  if (start + e->settings.timeout * (1.0 - 3.0 * e->settings.drift) > e->lease_until) {
    e->lease_until = start + e->settings.timeout * (1.0 - 3.0 * e->settings.drift);
    e->quorum_at = fmax(e->quorum_at, start);
  }
}

static void new_round(hg_election_t *e, double now)
{
  e->round++;
  e->sent[e->round % HG_ROUNDS_MAX] = (hg_sent_t){.round = e->round, .at = now};
  e->acks[e->me] = now;
  e->promised_until = fmax(e->promised_until, now + e->settings.timeout);
  extend(e);
}

static void lead(hg_election_t *e, double now, hg_actions_t *out)
{
  e->role = HG_ROLE_LEADER;
  hg_voter_follow(e, now, e->me, e->term, e->mode);
  e->lease_until = -HG_NEVER;
  e->quorum_at = now;
  e->beats = 0;
  memset(e->sent, 0, sizeof e->sent); /* no heartbeat has round 0 */
  memset(e->holds, 0, sizeof e->holds);
  for (size_t k = 0; k < HG_PLACES; k++) {
    e->acks[k] = e->roster[k] = -HG_NEVER;
  }
  e->committee.term = e->term;
  hg_say_persist(e, out);
  hg_leader_beat(e, now, out);
}

void hg_leader_count(hg_election_t *e, double now, hg_member_t voter, hg_actions_t *out)
{
  e->votes[voter] = true;
  e->voted_any = true;
  size_t count = 0;
  for (size_t k = 0; k < e->committee.count; k++) {
    count += e->votes[e->committee.members[k]];
  }
  if (count < hg_committee_quorum(&e->committee)) {
    return;
  }
  if (e->role == HG_ROLE_PRE_CANDIDATE) {
    stand(e, now, out);
  } else {
    lead(e, now, out);
  }
}

void hg_leader_on_vote_reply(hg_election_t *e, double now, const hg_message_t *m, hg_actions_t *out)
{
  const bool pre = m->kind == HG_KIND_PRE_VOTE_REPLY;
  if (!m->granted) {
    if (m->term > e->term) {
      hg_voter_adopt(e, now, m->term);
    } else if (m->round == e->canvass_round) {
      e->refused[m->sender] = true;
    }
    return;
  }
  if (e->role == (pre ? HG_ROLE_PRE_CANDIDATE : HG_ROLE_CANDIDATE) && m->round == e->canvass_round &&
      m->term == e->term + (pre ? 1U : 0U)) {
    hg_leader_count(e, now, m->sender, out);
  }
}

/* Leaders. */

void hg_leader_beat(hg_election_t *e, double now, hg_actions_t *out)
{
  new_round(e, now);
  hg_message_t word = hg_say_word(e, HG_KIND_HEARTBEAT, HG_NOBODY, e->term, e->round);
  word.leader = e->me;
  hg_say_send(out, &word);
  e->beats += e->beats <= 3;
  const bool brisk = e->beats <= 3; /* a new leader is not yet known */
  e->beat_at = now + (brisk ? e->settings.repeat : e->settings.heartbeat);
  e->repeat_at = brisk ? e->beat_at : now + e->settings.heartbeat / 2.0;
}

/* Ask those again who have not answered the last heartbeat, or not yet stored the committee. */
void hg_leader_prod(hg_election_t *e, double now, hg_actions_t *out)
{
  const double last = e->sent[e->round % HG_ROUNDS_MAX].at;
  hg_member_t silent[HG_COMMITTEE_SIZE_MAX];
  size_t count = 0;
  for (size_t k = 0; k < e->committee.count; k++) {
    const hg_member_t m = e->committee.members[k];
    if (m != e->me && (e->acks[m] < last || e->holds[m][0] != e->committee.term ||
                       e->holds[m][1] != e->committee.version)) {
      silent[count++] = m;
    }
  }
  if (count > 0) {
    new_round(e, now);
  }
  for (size_t k = 0; k < count; k++) {
    hg_message_t word = hg_say_word(e, HG_KIND_HEARTBEAT, silent[k], e->term, e->round);
    word.granted = e->acks[silent[k]] < now - 1.5 * e->settings.heartbeat;
    word.leader = e->me;
    hg_say_send(out, &word);
  }
  e->repeat_at = hg_election_authority(e, now).known ? HG_NEVER : now + e->settings.repeat;
}

void hg_leader_on_heartbeat_reply(hg_election_t *e, double now, const hg_message_t *m)
{
  if (m->term > e->term && !m->granted) {
    hg_voter_adopt(e, now, m->term);
    return;
  }
  if (e->role != HG_ROLE_LEADER || m->term != e->term || !m->granted) {
    return;
  }
  e->roster[m->sender] = now;
  if (!hg_committee_has(&e->committee, m->sender) || !m->remembers) {
    return;
  }
  uint32_t *holds = e->holds[m->sender];
  if (m->committee.term > holds[0] || (m->committee.term == holds[0] && m->committee.version > holds[1])) {
    holds[0] = m->committee.term;
    holds[1] = m->committee.version;
  }
  const hg_sent_t *sent = &e->sent[m->round % HG_ROUNDS_MAX];
  if (m->round != 0 && sent->round == m->round && sent->at > e->acks[m->sender]) {
    e->acks[m->sender] = sent->at;
    extend(e);
  }
}

/* Whose inverter alone has formed a bus that was dead for two timeouts holds it; nobody else can. The other's lease has
 * run out by then, since it needs this member's answers. */
void hg_leader_bus(hg_election_t *e, double now, const hg_bus_seen_t *seen, hg_actions_t *out)
{
  if (e->committee.count != 2 || !hg_voter_votes(e)) {
    return;
  }
  if (!seen->own) {
    e->bus = false;
  } else if (e->role == HG_ROLE_LEADER) {
    if (e->bus) {
      e->lease_until = fmax(e->lease_until, now + e->settings.timeout * (1.0 - 3.0 * e->settings.drift));
      e->promised_until = now + e->settings.timeout;
      e->quorum_at = now;
    }
  } else if (seen->dead_for >= 2.0 * e->settings.timeout * (1.0 + e->settings.drift)) {
    if (e->role != HG_ROLE_CANDIDATE) {
      stand(e, now, out);
    } else if (e->votes[e->me]) {
      lead(e, now, out);
      e->bus = true;
    }
  }
}
