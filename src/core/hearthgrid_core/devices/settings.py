"""Settings of identification and of the watch over anomalies."""
from dataclasses import dataclass

from ..settings import check_bounds, setting


@dataclass(frozen=True)
class IdentifierSettings:
    """How identification learns and when it says that it does not know."""

    power_off: float = setting(4.0, 'W', 0.0, 100.0, 'Below this active power and `apparent_off` a load is off.')
    apparent_off: float = setting(12.0, 'VA', 0.0, 200.0, 'Below this apparent power and `power_off` it is off.')
    false_unknown: float = setting(0.02, '1', 0.0, 0.5, 'Share of known appliances that may be called unknown.')
    trees: int = setting(64, '1', 8, 512, 'Trees of the forest; time to fit and to judge grow with them.')
    examples_per_unit: int = setting(40, '1', 2, 1000, 'Labelled signatures kept of one type and model.')
    examples_total: int = setting(1000, '1', 10, 10000, 'Labelled signatures kept in all.')
    seed: int = setting(0, '1', 0, 2**31 - 1, 'Of the random forest: the same examples and seed give the same answers.')

    def __post_init__(self):
        check_bounds(self)


@dataclass(frozen=True)
class OwnSettings:
    """When an outlet speaks for itself, and whom it believes."""

    hub_silence: float = setting(10.0, 's', 1.0, 3600.0, 'A signature that the hub leaves unanswered for so long the '
                                 'outlet answers.')
    hub_trust: float = setting(0.9, '1', 0.5, 1.0, 'Probability from which an answer of the hub teaches the outlet.')
    own_power_off: float = setting(4.0, 'W', 0.0, 100.0, 'Below this and `own_apparent_off` the outlet takes its load '
                                   'for off.')
    own_apparent_off: float = setting(12.0, 'VA', 0.0, 200.0, 'Below this and `own_power_off` it is off.')

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True)
class AnomalySettings:
    """What counts as an anomaly. Voltage bounds: EN 50160 has 0.90 … 1.10, ANSI C84.1 range A 0.95 … 1.05 at the
    service and 0.90 … 1.05 at the outlet."""

    rated_current: float = setting(20.0, 'A', 1.0, 100.0, 'What an outlet may carry for long.')
    overcurrent_share: float = setting(0.9, '1', 0.1, 1.0, 'Share of the rated current from which a person is warned.')
    overcurrent_after: float = setting(30.0, 's', 0.0, 3600.0, 'How long it must last.')
    temperature_warning: float = setting(70.0, '°C', 30.0, 150.0, 'Contact temperature from which a person is warned.')
    temperature_critical: float = setting(85.0, '°C', 30.0, 150.0, 'Contact temperature that is critical: 40 °C and '
                                          'the 45 K that IEC 60884-1 grants terminals.')
    temperature_after: float = setting(10.0, 's', 0.0, 3600.0, 'How long it must last.')
    nominal_voltage: float = setting(230.0, 'V', 90.0, 260.0, 'Of the supply.')
    voltage_low: float = setting(0.90, '1', 0.5, 1.0, 'Of the nominal voltage; below is out of range.')
    voltage_high: float = setting(1.10, '1', 1.0, 1.5, 'Of the nominal voltage; above is out of range.')
    voltage_critical: float = setting(0.05, '1', 0.0, 0.5, 'As much further out is critical.')
    voltage_after: float = setting(10.0, 's', 0.0, 3600.0, 'How long it must last.')
    sensor_after: float = setting(5.0, 's', 0.0, 3600.0, 'How long a measurement must be impossible.')
    silent_after: float = setting(10.0, 's', 1.0, 86400.0, 'An outlet not heard for so long is silent.')
    clear_after: float = setting(30.0, 's', 0.0, 3600.0, 'How long all must be well before an anomaly is cleared.')
    warm_days: int = setting(3, 'd', 1, 14, 'Days of use seen of a device before its consumption is judged.')
    history_days: int = setting(28, 'd', 3, 60, 'Days of use remembered.')
    false_alarms: float = setting(1.0, '1', 0.01, 30.0, 'Budget: false alarms a device and month that the watch over '
                                  'habits may raise; its thresholds follow.')
    faults_a_year: float = setting(2.0, '1', 0.01, 100.0, 'Faults a device has a year, for how sure an alarm is.')
    habit_clear: float = setting(1.0, 'h', 0.1, 24.0, 'How long a habit must be ordinary again.')
    accept_days: int = setting(7, 'd', 2, 60, 'Days after which what is unusual becomes the new ordinary.')
    again_after: float = setting(24.0, 'h', 1.0, 720.0, 'What wastes energy is told again so often, with its cost.')
    unknown_after: float = setting(600.0, 's', 0.0, 86400.0, 'How long an unknown device must run to be told.')
    tamper_after: float = setting(1800.0, 's', 0.0, 86400.0, 'How long a device must look like another than named.')
    tamper_sure: float = setting(0.9, '1', 0.5, 1.0, 'How sure identification must be of the other.')
    waste_low: float = setting(1.0, 'W', 0.1, 100.0, 'Below this a device is off.')
    waste_high: float = setting(20.0, 'W', 0.5, 200.0, 'Above this it does not stand by.')
    waste_share: float = setting(0.1, '1', 0.01, 0.5, 'Standing by is below this share of the most it draws.')
    waste_after: float = setting(8.0, 'h', 0.1, 240.0, 'How long it stands by before it is called waste.')
    waveform_warm: int = setting(16, '1', 4, 64, 'Signatures seen of a device before its waveform is judged.')
    waveform_ratio: float = setting(2.0, '1', 1.5, 100.0, 'Times its usual distance that is not learnt as its own.')
    waveform_count: int = setting(5, '1', 1, 50, 'Newest signatures whose median distance is judged.')

    def __post_init__(self):
        check_bounds(self)
        if self.temperature_critical <= self.temperature_warning:
            raise ValueError('temperature_critical must lie above temperature_warning')
        if self.waste_high <= self.waste_low:
            raise ValueError('waste_high must lie above waste_low')
        if self.warm_days > self.history_days:
            raise ValueError('warm_days must not exceed history_days')
