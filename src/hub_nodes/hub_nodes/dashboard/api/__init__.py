"""The interface for programs, under /api/v1: what the pages show and do, as JSON.

    schemas     what comes and goes, as models the OpenAPI description is made of
    caller      who asks, what they may, how often, and errors as problem JSON (RFC 9457)
    read        questions: outlets, history, plan, prices, …
    control     wishes: switch, limit, schedule, priority, label, job, acknowledge
    manage      users, tokens, audit log
    export      history as CSV and Parquet
    stream      what changes, over a WebSocket
    metrics     the same for Prometheus
    reference   the description as a page of our own, without a script
"""
