/* Without micro-ROS: the supply fails for two seconds and comes back; what it came to is told, then the board is left. */
#include <math.h>
#include <stdio.h>

#include "board.h"
#include "semihost.h"
#include "startup.h"

enum { CUT = 5 * HG_BOARD_RATE, BACK = 7 * HG_BOARD_RATE, END = 12 * HG_BOARD_RATE };

const double hg_play_save_period = 2.0;

static volatile uint32_t flagged;
static uint32_t states, readings, signatures, ballots;
static double power;

void hg_play_begin(void) {}
void hg_play_idle(void) {}
void hg_play_uart_handler(void) { hg_port_halt("an interrupt nobody asked for"); }
bool hg_play_alive(uint32_t sample) { return sample < CUT || sample >= BACK; }

void hg_play_sampled(uint32_t sample)
{
  if (sample >= CUT && flagged == 0 && hg_board_app.detector.flagged) {
    flagged = sample - CUT + 1U;
  }
}

static bool check(const char *name, bool holds)
{
  hg_semihost_say(holds ? "passed " : "FAILED ");
  hg_semihost_say(name);
  hg_semihost_say("\n");
  return holds;
}

static bool remembered(hg_keep_t what)
{
  static uint8_t bytes[HG_JOURNAL_PAYLOAD];
  hg_journal_t journal;
  uint32_t length;
  return hg_journal_open(&journal, &hg_board_app.platform.flash[what], bytes, sizeof bytes, &length) == HG_OK &&
         length > 0;
}

static void end(void)
{
  hg_tasks_report_t r;
  hg_tasks_report(&r);
  hg_board_report();
  hg_semihost_count("count", "outage_samples", flagged);
  hg_semihost_count("count", "states", states);
  hg_semihost_count("count", "readings", readings);
  hg_semihost_count("count", "signatures", signatures);
  hg_semihost_count("count", "ballots", ballots);
  hg_semihost_count("count", "power", (uint32_t)power);
  bool good = check("control", r.steps >= END / 64 - 4 && r.late == 0 && r.fewest >= 63 && r.most <= 65);
  good = check("analysis", r.windows >= END / 1280 - 2 && r.overrun == 0) && good;
  good = check("outage", flagged > 0 && flagged < 64) && good; /* within half a cycle */
  good = check("power", fabs(power - 1924.0) < 10.0) && good;
  good = check("journal", remembered(HG_KEEP_MEMBER) && remembered(HG_KEEP_OUTLET)) && good;
  good = check("untripped", hg_board_trips() == 0) && good;
  hg_semihost_leave(good);
}

/* Nobody is there to talk to: what the others want to say is looked at and let go. */
uint32_t hg_play_step(struct hg_app *a, double now)
{
  static hg_mail_state_t told;
  const hg_mail_state_t *state;
  const hg_mail_reading_t *reading;
  for (; (state = HG_MAIL_OLDEST(&a->out.states)) != NULL; HG_MAIL_TAKEN(&a->out.states)) {
    if (state->relay != told.relay || state->voice != told.voice || state->trip != told.trip) {
      told = *state;
      char line[80 + HG_REASON_LENGTH];
      snprintf(line, sizeof line, "%.3f state relay %u trip %u voice %u %s\n", now, (unsigned)told.relay,
               (unsigned)told.trip, (unsigned)told.voice, told.reason);
      hg_semihost_say(line);
    }
    states++;
  }
  for (; (reading = HG_MAIL_OLDEST(&a->out.readings)) != NULL; HG_MAIL_TAKEN(&a->out.readings)) {
    power = readings < CUT / HG_BOARD_RATE - 1 ? reading->reading.metering.active_power : power;
    readings++;
  }
  for (; HG_MAIL_OLDEST(&a->out.signatures) != NULL; HG_MAIL_TAKEN(&a->out.signatures)) {
    signatures++;
  }
  for (; HG_MAIL_OLDEST(&a->out.ballots) != NULL; HG_MAIL_TAKEN(&a->out.ballots)) {
    ballots++;
  }
  for (; HG_MAIL_OLDEST(&a->out.relays) != NULL; HG_MAIL_TAKEN(&a->out.relays)) {
  }
  for (; HG_MAIL_OLDEST(&a->out.islands) != NULL; HG_MAIL_TAKEN(&a->out.islands)) {
  }
  for (; HG_MAIL_OLDEST(&a->out.jobs) != NULL; HG_MAIL_TAKEN(&a->out.jobs)) {
  }
  for (; HG_MAIL_OLDEST(&a->out.waveforms) != NULL; HG_MAIL_TAKEN(&a->out.waveforms)) {
  }
  if (hg_board_samples() >= END) {
    end();
  }
  return 20;
}
