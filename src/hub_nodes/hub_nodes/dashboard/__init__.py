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
    actions     that, carried into ROS
    server      the web server in its thread, and who may reach it
    routes      what is where: pages, /api/status, /api/health
    widgets     native elements and charts that send only what changed
    frame, overview, outlet, plan    the pages
    node        the ROS side
"""
