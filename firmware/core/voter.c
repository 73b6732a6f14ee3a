/* What a member promises, keeps and answers: the part of the election that safety rests on. */
#include "voter.h"

#include <math.h>

static bool is_question(uint8_t kind)
{
  return kind == HG_KIND_PRE_VOTE || kind == HG_KIND_VOTE || kind == HG_KIND_HEARTBEAT;
}

/* What an answer's `leader` is: who asked, if the others are to pass the answer on as they did with it. */
static hg_member_t passed_back(const hg_message_t *question)
{
  return question->receiver != HG_NOBODY && question->granted ? question->sender : HG_NOBODY;
}

static void answer(const hg_election_t *e, hg_kind_t kind, const hg_message_t *to, uint32_t term, bool granted,
                   hg_actions_t *out)
{
  hg_message_t word = hg_say_word(e, kind, to->sender, term, to->round);
  word.granted = granted;
  word.leader = passed_back(to);
  hg_say_send(out, &word);
}

double hg_voter_patience(hg_election_t *e)
{
  return e->settings.timeout + e->random(e->random_context) * e->settings.spread;
}

bool hg_voter_votes(const hg_election_t *e) { return e->remembers && hg_committee_has(&e->committee, e->me); }

bool hg_voter_sticky(const hg_election_t *e, double now) { return now < e->promised_until; }

hg_role_t hg_voter_seat(const hg_election_t *e)
{
  return hg_committee_has(&e->committee, e->me) ? HG_ROLE_FOLLOWER : HG_ROLE_OBSERVER;
}

void hg_voter_stand_down(hg_election_t *e)
{
  e->role = hg_voter_seat(e);
  e->lease_until = -HG_NEVER;
  if (e->leader == e->me) {
    e->leader = HG_NOBODY;
  }
}

/* A later term exists: follow it, with its vote still to give, and leave its candidate the time to win. */
void hg_voter_adopt(hg_election_t *e, double now, uint32_t term)
{
  e->term = term;
  e->voted = HG_NOBODY;
  e->timeout_at = fmax(e->timeout_at, now + e->settings.canvass);
  if (e->role >= HG_ROLE_PRE_CANDIDATE) {
    hg_voter_stand_down(e);
  }
}

void hg_voter_follow(hg_election_t *e, double now, hg_member_t leader, uint32_t term, uint8_t mode)
{
  e->leader = leader;
  e->leader_term = term;
  e->leader_mode = mode;
  e->leader_heard = now;
  e->provisional_at = now + 2.0 * e->settings.timeout;
  e->provisional = false;
}

static void install(hg_election_t *e, const hg_committee_t *committee, hg_actions_t *out)
{
  if (hg_committee_compare(committee, &e->committee) <= 0) {
    return;
  }
  const bool seated = hg_committee_has(committee, e->me);
  const bool concerned = seated || hg_committee_has(&e->committee, e->me);
  e->committee = *committee;
  e->role = !seated ? HG_ROLE_OBSERVER : e->role > HG_ROLE_FOLLOWER ? e->role : HG_ROLE_FOLLOWER;
  if (e->remembers && concerned) { /* an observer's memory decides nothing */
    hg_say_persist(e, out);
  }
}

/* Heartbeats. */

static void acknowledge(const hg_election_t *e, const hg_message_t *m, hg_actions_t *out)
{
  hg_message_t word = hg_say_word(e, HG_KIND_HEARTBEAT_REPLY, m->sender, m->term, m->round);
  word.granted = true;
  word.leader = passed_back(m);
  word.committee = e->has_stored ? e->stored : e->committee;
  word.remembers = true;
  hg_say_send(out, &word);
}

static void on_heartbeat(hg_election_t *e, double now, const hg_message_t *m, hg_actions_t *out)
{
  if (m->sender != m->leader) { /* told on: who leads, but no promise and no answer */
    if (m->term > e->leader_term && m->term >= e->term && e->role <= HG_ROLE_FOLLOWER && m->leader != e->me) {
      hg_voter_follow(e, now, m->leader, m->term, m->mode);
    }
    return;
  }
  if (m->term < e->term) {
    answer(e, HG_KIND_HEARTBEAT_REPLY, m, e->term, false, out);
    return;
  }
  if (m->term == e->term && e->role == HG_ROLE_LEADER) {
    return; /* cannot be; not obeyed */
  }
  if (m->term > e->term) {
    hg_voter_adopt(e, now, m->term);
  } else if (e->role >= HG_ROLE_PRE_CANDIDATE) {
    hg_voter_stand_down(e);
  }
  const bool news = m->leader != e->leader || m->term != e->leader_term;
  hg_voter_follow(e, now, m->leader, m->term, m->mode);
  e->promised_until = now + e->settings.timeout;
  e->timeout_at = now + hg_voter_patience(e);
  install(e, &m->committee, out);
  if (hg_voter_votes(e)) {
    acknowledge(e, m, out);
    if (news) {
      hg_message_t word = hg_say_word(e, HG_KIND_HEARTBEAT, HG_NOBODY, m->term, m->round);
      word.leader = m->leader;
      hg_say_send(out, &word);
    }
  } else if (news) { /* not all at once */
    e->join_at = now + e->random(e->random_context) * e->settings.spread;
  } else if (now >= e->join_at) {
    e->join_at = now + e->settings.join;
    answer(e, HG_KIND_HEARTBEAT_REPLY, m, m->term, true, out);
  }
}

/* Votes. */

static void on_pre_vote(hg_election_t *e, double now, const hg_message_t *m, hg_actions_t *out)
{
  if (!hg_voter_votes(e)) {
    return;
  }
  const hg_committee_t *c = &e->committee;
  const bool granted = m->term > e->term && !hg_voter_sticky(e, now) &&
                       hg_committee_compare(&m->committee, c) >= 0 && !hg_election_holds_lease(e, now) &&
                       (now >= e->pledged_until || m->sender == e->voted) &&
                       (now >= e->courted_until ||
                        hg_committee_rank(c, m->sender) <= hg_committee_rank(c, e->courted));
  if (granted) {
    e->courted = m->sender;
    e->courted_until = now + e->settings.courtship;
    e->timeout_at = fmax(e->timeout_at, e->courted_until);
    if (e->role == HG_ROLE_PRE_CANDIDATE) { /* two ask at once: the lower rank goes on */
      hg_voter_stand_down(e);
    }
  }
  answer(e, HG_KIND_PRE_VOTE_REPLY, m, granted ? m->term : e->term, granted, out);
}

static void on_vote(hg_election_t *e, double now, const hg_message_t *m, hg_actions_t *out)
{
  if (!hg_voter_votes(e) || hg_voter_sticky(e, now)) {
    return;
  }
  if (m->term < e->term || hg_committee_compare(&m->committee, &e->committee) < 0) {
    answer(e, HG_KIND_VOTE_REPLY, m, e->term, false, out);
    return;
  }
  if (m->term > e->term) {
    hg_voter_adopt(e, now, m->term);
  }
  if (e->voted == m->sender && e->written >= e->asked_to_write) {
    answer(e, HG_KIND_VOTE_REPLY, m, m->term, true, out);
  } else if (e->voted == HG_NOBODY || e->voted == m->sender) {
    e->voted = m->sender;
    e->pledged_until = now + e->settings.canvass;
    e->timeout_at = now + hg_voter_patience(e);
    const uint32_t number = hg_say_persist(e, out);
    hg_message_t word = hg_say_word(e, HG_KIND_VOTE_REPLY, m->sender, m->term, m->round);
    word.granted = true;
    word.leader = passed_back(m);
    word.remembers = true;
    hg_say_after(e, number, &word);
  }
}

/* What comes in. */

/* Repeat a question to one member, once and word for word, if it asks for that, and so its answer. */
void hg_voter_overhear(hg_election_t *e, const hg_message_t *m, hg_actions_t *out)
{
  if (m->term < e->term || m->sender == e->me || !hg_voter_votes(e)) {
    return;
  }
  const bool question = is_question(m->kind);
  if (question ? !m->granted : m->leader != m->receiver) {
    return;
  }
  const hg_member_t asker = question ? m->sender : m->receiver, whom = question ? m->receiver : m->sender;
  size_t place = 0;
  while (place < e->passed_count && !(e->passed[place].asker == asker && e->passed[place].whom == whom &&
                                      e->passed[place].round == m->round)) {
    place++;
  }
  if (question == (place < e->passed_count) || (!question && e->passed[place].answered)) {
    return;
  }
  if (question) { /* the oldest makes room */
    e->passed[e->passed_next] = (hg_passed_t){.round = m->round, .asker = asker, .whom = whom};
    e->passed_next = (e->passed_next + 1) % HG_ELECTION_PASSED;
    e->passed_count += e->passed_count < HG_ELECTION_PASSED;
  } else {
    e->passed[place].answered = true;
  }
  hg_say_send(out, m);
}

void hg_voter_receive(hg_election_t *e, double now, const hg_message_t *m, hg_actions_t *out)
{
  if (m->receiver != HG_NOBODY && m->receiver != e->me) {
    hg_voter_overhear(e, m, out);
    return;
  }
  if (m->sender == e->me || m->incarnation < e->incarnations[m->sender]) {
    return; /* its own, or of a memory that is gone */
  }
  e->incarnations[m->sender] = m->incarnation;
  e->heard[m->sender] = now;
  switch (m->kind) {
    case HG_KIND_PRE_VOTE: on_pre_vote(e, now, m, out); break;
    case HG_KIND_VOTE: on_vote(e, now, m, out); break;
    case HG_KIND_PRE_VOTE_REPLY:
    case HG_KIND_VOTE_REPLY: hg_leader_on_vote_reply(e, now, m, out); break;
    case HG_KIND_HEARTBEAT: on_heartbeat(e, now, m, out); break;
    case HG_KIND_HEARTBEAT_REPLY: hg_leader_on_heartbeat_reply(e, now, m); break;
    case HG_KIND_RECALL: hg_recall_on_recall(e, m, out); break;
    case HG_KIND_RECALL_REPLY: hg_recall_on_reply(e, now, m, out); break;
    case HG_KIND_PROVISIONAL: hg_recall_on_provisional(e, now, m); break;
    default: break;
  }
}
