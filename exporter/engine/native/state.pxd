"""The state of a walk over the lines of a block."""

from libc.stdint cimport int64_t

from exporter.engine.native.choosing cimport Group, Switch
from exporter.engine.native.envelopes cimport Entry
from exporter.engine.native.heads cimport Head, Key
from exporter.engine.native.kept cimport Kept
from exporter.engine.native.moves cimport Chosen, Line, Present
from exporter.engine.native.wanted cimport Wanted
from exporter.engine.native.patterns cimport Fitting, Patterns
from exporter.engine.native.slots cimport Slot
from exporter.engine.native.table cimport Table

# What is known of the line behind which the next one comes.
cdef enum:
    QUIET = 1  # blank and indented lines move nothing
    PAIRED = 2  # key-value lines are records of their own
    SPOKEN = 4  # so are texts
    HEADED = 8  # a fast path took it: a traceback may begin
    TRACED = 16  # inside a traceback that nothing preceded
    RAISED = 32  # whose exception was counted here
    NAMED = 64  # an indented line may name an exception
    AWAITING = 128  # an indented line is its message
    CANDIDATE = 256  # a frame below makes an exception of it
    TAKEN_LANE = 15

# How far the present line is.
cdef enum:
    FRESH
    CHOOSING
    TIMED
    RESOLVING

# Why the walk stops, beside what `resolve` asks.
cdef enum:
    ENDED = 16
    DOUBT
    PASSED
    ASK_HEAD
    ASK_LEVEL
    ASK_MESSAGE
    ASK_TEXT
    ASK_EXCEPTION
    ASK_TYPE
    ASK_TIME
    ASK_TURN
    ASK_RARE
    ASK_ROOM
    ASK_CHOICE

# What a line is; those that are known by level and message each have a range of `Slot.kind`.
cdef enum:
    FORM_JSON
    FORM_LOGFMT
    FORM_DOTNET
    FORM_UVICORN
    FORM_GUNICORN
    FORM_NGINX
    FORM_CELERY
    FORM_ALEMBIC
    FORM_PYTHON
    FORM_PREFIXED
    FORM_HEADED  # a key-value line that begins with its message

# The slots of a JSON line that every line is read by; those of the rules' fields follow.
cdef enum:
    LEVEL_SLOT = 0
    MESSAGE_SLOT = 5
    TIME_SLOT = 9
    EXCEPTION_SLOT = 14
    LOG_SLOT = 20
    TYPE_SLOT = 21  # of each exception that is an object
    TEXT_SLOT = 27  # its message
    OWN_SLOTS = 33
    NO_LEVEL = 6
    ERROR_RANK = 4
    RANKS = 7
    OF_TEXT = 2  # the kind of a key in `types` that begins a line; that of a name is KIND_STRING
    NO_TYPE = -1
    NEVER_TYPE = -2  # there is no place for it
    LONGEST_HEAD = 1024
    LONGEST_CATEGORY = 300
    LONGEST_EVENT = 11


cdef struct Needle:
    const char* at
    Py_ssize_t size


cdef struct Learned:
    const Chosen* chosen  # where fields choose none of them
    Group** groups  # or the rules that they choose among, or NULL
    int group_count
    const Key* keys
    int key_count
    int back
    int64_t record  # the cell of its level's records


# One lane of the stream: its newest record, and what was taken of it.
cdef struct Track:
    int flags
    bint ready  # an envelope's line may be taken: nothing is half read
    const char* head  # the newest line taken, in its envelope; NULL for none
    Py_ssize_t head_size
    const char* raised  # the line that told the exception
    Py_ssize_t raised_size
    int kind  # the exception that was found here for the newest record, or -1
    bint candidate  # the newest line taken is an exception, should a frame follow
    int64_t count  # lines
    # where the newest line taken is a head whose message follows
    bint awaited
    const char* message  # the line that told it; NULL for none yet
    Py_ssize_t message_size
    int rank
    const char* time  # of its envelope
    Py_ssize_t time_size
    Py_ssize_t category_size
    Py_ssize_t event_size
    char[LONGEST_CATEGORY] category
    char[LONGEST_EVENT] event


cdef struct Walk:
    # what is known
    Table heads  # a word in front and a head, to a place in `learned` or -1
    Table once  # heads and texts that came once
    Table texts  # whole lines, to 1 where they are nothing but text
    Table ranks  # spelled levels, to a rank or -1
    Table messages  # forms, ranks and messages, to a place in `learned` or -1
    Table types  # names of exceptions, to a place in `kinds`, or NO_TYPE, NEVER_TYPE
    int64_t* kinds  # their cells
    # Texts one of which is part of every exception line that a rule looks at.
    Needle* needles
    int needle_count
    Table literals  # messages that stand in rules, to their numbers
    Patterns patterns
    bint fitted  # messages are known by these
    Table exceptions  # the beginnings of exception lines, to a cell or -1
    Learned* learned
    Wanted* wanted
    bint broken_is_text  # a line of broken JSON moves nothing else
    int local  # seconds east of UTC, see `times`
    # where numbers lie
    double* values
    int64_t[RANKS] records
    int64_t unknown
    int64_t unparsed
    int64_t late
    # the block
    const char* at
    const char* end
    const char* next
    const char* limit  # up to there the memory that the present line lies in may be read
    bint coloured  # it holds an escape character
    int refused  # a bit of each question that was no use to this line
    # the lanes: of bare lines, and of what envelopes carry
    Track[3] tracks
    Track* own
    bint has_since  # the time of the envelope that holds the block
    double since
    # envelopes
    bint unwrapping
    bint wrapped  # the present line is in one
    bint opened  # it was left, but not for its envelope
    Entry entry
    char* scratch
    Py_ssize_t room
    # the present line
    int stage
    int form  # where its message, level and time are read
    int kind  # the exception that it carries, or -1
    bint candidate  # it is an exception, should a frame follow
    int subject  # the slot that is asked about
    const Learned* meant  # NULL for a text, which moves nothing else
    Switch* undecided  # the field that is asked about
    int choices  # how often one was
    Chosen chosen  # by its fields
    int* ranked  # their places, on the way
    Head front
    Fitting fitting
    Slot[2] key
    char[LONGEST_HEAD] said  # its message out of its escapes
    Line line
    Present present
    # exemplars
    Kept* kept
    int kept_count
    Table places
