"""The page a person lives with: what the home does now, why, and what it will do, with the switches beside it.

    values      what the page knows, as plain frozen values
    convert     messages to values, refusing what cannot be true
    model       the latest of everything, short histories, totals: no ROS, no web
    views       what the model answers
    status      the same as JSON
    when        the home's local time
    words       numbers as people read them, always with a unit
    charts      chart options out of values
    backend     what a page may ask of the home
    actions     that, carried into ROS (mailbox: between threads, jobs: the action)
    rows, users, tokens, sessions, attempts, audit, who    who may come in, each part by itself
    access      these put together
    permitted, people    the home, and its users and tokens, as one person may use them
    server      the web server in its thread, and which machines and sites may reach it
    door        who has not logged in gets no further; login: the pages for that
    routes      what is where
    api         the interface for programs
    widgets     native elements and charts that send only what changed
    frame, overview, outlet, plan, devices, microgrid, notices, settings_page    the pages
    node        the ROS side
"""
