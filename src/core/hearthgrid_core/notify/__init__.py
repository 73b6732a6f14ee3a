"""What a person is told, when, and how often: news of the home in, messages for each channel out."""
from hearthgrid_core.notify.channel import Entry, Message
from hearthgrid_core.notify.notifier import News, Notifier
from hearthgrid_core.notify.rules import ChannelRules, Severity

__all__ = ['ChannelRules', 'Entry', 'Message', 'News', 'Notifier', 'Severity']
