"""Admission control: connection limits, the login throttle and bans."""
