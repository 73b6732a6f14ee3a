#include "align.h"

#include <math.h>

#define PI 3.14159265358979323846
#define CROSSINGS_MAX 160

static double median(double *values, size_t n)
{
  for (size_t k = 1; k < n; k++) {
    const double value = values[k];
    size_t place = k;
    for (; place > 0 && values[place - 1] > value; place--) {
      values[place] = values[place - 1];
    }
    values[place] = value;
  }
  return n % 2 != 0 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

/* The frequency by the rising zero crossings [Hz], NaN when there are fewer than two. An eighth of a cycle is averaged,
 * and a crossing counts only from well below to well above zero: distortion and noise then cannot make a second one. */
static double crossing_frequency(const hg_window_t *w, double mean, double rms, double nominal)
{
  const long eighth = lrint(w->sampling_rate / nominal / 8.0);
  const size_t width = eighth < 1 ? 1 : (size_t)eighth, hop = width < 8 ? 1 : width / 4;
  double crossings[CROSSINGS_MAX], distances[CROSSINGS_MAX], last = 0.0;
  size_t count = 0, place = 0, last_place = 0;
  int last_side = 0;
  for (size_t begin = 1; begin + width <= w->n && count < CROSSINGS_MAX; begin += hop, place++) {
    int32_t sum = 0;
    for (size_t k = begin; k < begin + width; k++) {
      sum += w->voltage[k];
    }
    const double smooth = (double)sum / (double)width * w->scale.voltage - mean;
    const int side = (smooth > 0.4 * rms) - (smooth < -0.4 * rms);
    if (side > 0 && last_side < 0) {
      crossings[count++] = (double)last_place + (double)(place - last_place) * last / (last - smooth);
    }
    if (side != 0) {
      last_side = side;
      last = smooth;
      last_place = place;
    }
  }
  if (count < 2) {
    return (double)NAN;
  }
  for (size_t k = 1; k < count; k++) {
    distances[k - 1] = crossings[k] - crossings[k - 1];
  }
  const double period = median(distances, count - 1);
  double number = 0.0, numbers = 0.0, square = 0.0, product = 0.0;
  for (size_t k = 1; k < count; k++) { /* one may be missing */
    number += rint((crossings[k] - crossings[k - 1]) / period);
    numbers += number;
  }
  const double middle = numbers / (double)count;
  number = 0.0;
  for (size_t k = 0; k < count; k++) {
    number += k == 0 ? 0.0 : rint((crossings[k] - crossings[k - 1]) / period);
    square += (number - middle) * (number - middle);
    product += (number - middle) * crossings[k];
  }
  return w->sampling_rate / (double)hop * square / product;
}

/* The fundamental's phasor under a Hann window of `length` samples from `begin`. */
static void phasor(const hg_window_t *w, double mean, size_t begin, double length, double angle, double out[2])
{
  const double turn[2] = {cos(angle), sin(angle)}, hann[2] = {cos(2.0 * PI / length), sin(2.0 * PI / length)};
  double c = 1.0, s = 0.0, p = 1.0, q = 0.0;
  const size_t steps = (size_t)length + 1;
  out[0] = out[1] = 0.0;
  for (size_t k = 0; k < steps; k++) {
    const double value = (w->voltage[begin + k] * w->scale.voltage - mean) * (1.0 - p);
    out[0] += value * c;
    out[1] -= value * s;
    const double next = c * turn[0] - s * turn[1], fade = p * hann[0] - q * hann[1];
    s = c * turn[1] + s * turn[0];
    q = p * hann[1] + q * hann[0];
    c = next;
    p = fade;
  }
}

static bool is_mains(double frequency)
{
  return frequency >= HG_ALIGN_FREQUENCY_MIN && frequency <= HG_ALIGN_FREQUENCY_MAX;
}

hg_status_t hg_fundamental(const hg_window_t *w, double nominal, double *frequency, double *crossing)
{
  if (w->n == 0 || w->n > HG_WINDOW_MAX || !is_mains(nominal) || !(w->scale.voltage > 0.0 && w->scale.current > 0.0)) {
    return HG_ERROR_ARGUMENT;
  }
  if (!(w->sampling_rate >= 4.0 * nominal && w->sampling_rate < 1e6)) {
    return HG_ERROR_RATE;
  }
  int64_t sum = 0, square = 0;
  for (size_t k = 0; k < w->n; k++) {
    sum += w->voltage[k];
    square += (int32_t)w->voltage[k] * w->voltage[k];
  }
  const double n = (double)w->n, mean = (double)sum / n;
  const double variance = (double)square / n - mean * mean;
  const double rms = w->scale.voltage * sqrt(variance > 0.0 ? variance : 0.0);
  if (!(rms >= HG_ALIGN_MAINS_MIN)) {
    return HG_ERROR_NO_MAINS;
  }
  const double coarse = crossing_frequency(w, mean * w->scale.voltage, rms, nominal);
  const double held = is_mains(coarse) ? n * coarse / w->sampling_rate : 0;
  if (held < HG_ALIGN_CYCLES_MIN) {
    return HG_ERROR_NO_MAINS;
  }
  const int cycles = (int)held;
  /* Under a Hann window of two whole cycles or more, offset and harmonics vanish from the fundamental's phase. */
  const double length = (cycles / 2 > 2 ? cycles / 2 : 2) * w->sampling_rate / coarse;
  const double angle = 2.0 * PI * coarse / w->sampling_rate;
  const size_t apart = w->n - ((size_t)length + 1);
  double early[2], late[2];
  phasor(w, mean * w->scale.voltage, 0, length, angle, early);
  phasor(w, mean * w->scale.voltage, apart, length, angle, late);
  const double first = atan2(early[1], early[0]);
  const double turned = remainder(atan2(late[1], late[0]) - first - angle * (double)apart, 2.0 * PI);
  const double found = coarse + turned * w->sampling_rate / (2.0 * PI * (double)apart);
  if (!is_mains(found)) {
    return HG_ERROR_NO_MAINS;
  }
  /* The two phases belong to the middles of the two parts; half way between, their common error cancels. */
  const double phase =
      first + turned / 2.0 - 2.0 * PI * (found - coarse) * (length + (double)apart) / (2.0 * w->sampling_rate);
  const double time = (-PI / 2.0 - phase) / (2.0 * PI * found);
  *frequency = found;
  *crossing = time - floor(time * found) / found;
  return HG_OK;
}

hg_status_t hg_align(const hg_window_t *w, double nominal, size_t cycles,
                     hg_aligned_t *out)
{
  double frequency, crossing;
  const hg_status_t status = cycles > HG_CYCLES_MAX ? HG_ERROR_ARGUMENT
                                                    : hg_fundamental(w, nominal, &frequency, &crossing);
  if (status != HG_OK) {
    return status;
  }
  const double period = w->sampling_rate / frequency;
  if (period / HG_ALIGN_SAMPLES_PER_CYCLE + 1e-6 >= 2.0) { /* would need the low-pass of the Python twin */
    return HG_ERROR_RATE;
  }
  double origin = crossing * w->sampling_rate;
  origin += period * ceil((HG_ALIGN_REACH - origin) / period);
  const double room = ((double)w->n - HG_ALIGN_REACH - 2.0 - origin) / period;
  size_t fits = room < 1.0 ? 0 : (size_t)room;
  if (fits < (cycles > 0 ? cycles : 1)) {
    return HG_ERROR_SHORT;
  }
  const size_t wanted = cycles > 0 ? cycles : fits < HG_CYCLES_MAX ? fits : HG_CYCLES_MAX;
  origin += (double)(fits - wanted) * period;
  const float volts = (float)w->scale.voltage, amps = (float)w->scale.current;
  for (size_t k = 0; k < wanted * HG_ALIGN_SAMPLES_PER_CYCLE; k++) {
    const long fine = lrint((origin + (double)k * (period / HG_ALIGN_SAMPLES_PER_CYCLE)) * HG_ALIGN_PHASES);
    const size_t first = (size_t)(fine / HG_ALIGN_PHASES) - HG_ALIGN_REACH;
    const long steps = HG_ALIGN_PHASES / HG_KERNEL_STEPS, part = fine % HG_ALIGN_PHASES;
    const float share = (float)(part % steps) / (float)steps;
    const float *low = HG_KERNEL[part / steps], *high = low + HG_ALIGN_TAPS;
    float voltage = 0.0F, current = 0.0F;
    for (size_t tap = 0; tap < HG_ALIGN_TAPS; tap++) {
      const float weight = low[tap] + share * (high[tap] - low[tap]);
      voltage += weight * w->voltage[first + tap];
      current += weight * w->current[first + tap];
    }
    out->voltage[k] = volts * voltage;
    out->current[k] = amps * current;
  }
  out->frequency = frequency;
  out->offset = origin / w->sampling_rate;
  out->cycles = wanted;
  return HG_OK;
}
