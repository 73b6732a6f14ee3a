/* An outlet as a ROS 2 node on this machine: its converter is the topic `adc` of a simulated or recorded world. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "posix.h"

static volatile sig_atomic_t stopping;

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

int main(int argc, char **argv)
{
  if (argc < 2) {
    fprintf(stderr, "usage: outlet SETTINGS\n");
    return 2;
  }
  if (!with_supervisor() || !hg_node_begin(argv[1], NULL)) {
    return 2;
  }
  const struct sigaction end = {.sa_handler = stop};
  while (!stopping) {
    sigaction(SIGINT, &end, NULL); /* again after rcl_init, which has its own ideas of signals in some versions */
    sigaction(SIGTERM, &end, NULL);
    hg_node_step(1.0);
  }
  hg_node_end();
  return 0;
}
