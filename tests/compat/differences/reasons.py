"""The reasons of differences, in the words of docs/migrating.md.

A reason that several frameworks share stands here, so that the page can merge rows.
"""

# The log
CODE = (
    "`code` is the status that the client received. In python-dockerflow only"
    " FastAPI's summary has it."
)
EXCEPTION = (
    "`error` is the exception that the application raised, with its class, and `msg`"
    " is its text."
)
FAILURE = (
    "A response from 500 on is logged at ERROR, with the status as `errno`, unless it"
    " is the response of a probe."
    " python-dockerflow does so for exceptions only, and alerts miss a view that"
    " answers 503."
)
CLIENT_ERROR = (
    "A 4xx response is an error of the client. It is logged at INFO with `errno` 0."
    " python-dockerflow logs ERROR if an exception made the response."
)
USER = (
    "`uid` is the user only if the application itself loaded the user. The log makes no"
    " query. `DOCKERFLOW_SUMMARY_LOAD_USER=True` restores the old `uid`."
)
INVALID_ID = (
    "A request id with a space, a control character or more than 128 characters is"
    " replaced. It could break or forge a log line."
)
CHECK = (
    "A failing check is logged when it begins, changes and ends, and every 5 minutes."
    " python-dockerflow logs each probe, which fills an error tracker."
    " `DOCKERFLOW_LOG_REPEAT_SECONDS=0` restores that."
)
ERROR_LOGGER = "The endpoint has the logger `dockerflow.error` in all frameworks."

# The responses
NO_STORE = (
    "Endpoints send `Cache-Control: no-store`. A response from a cache says nothing"
    " about the service now."
)
COOKIE = (
    "Neither the summary nor a probe reads the session. A response varies by cookie"
    " only if the application reads the session."
)
LENGTH = "Endpoints send a `Content-Length`, with which a client sees a cut response."
JSON = "The JSON has a space after each comma and colon. Its values are the same."
EMPTY = "The body is empty, with the type text/plain, in all frameworks."
METHODS = (
    "Methods other than GET and HEAD get one short 405 response with `Allow`. No check"
    " runs for them."
)
HEAD = (
    "HEAD is allowed and gets the status and headers of GET. Monitors and `curl -I` use"
    " it."
)
SLASH = (
    "A path with a slash at the end is the same endpoint. Some load balancers add the"
    " slash."
)
