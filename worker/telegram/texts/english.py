"""The English texts, also used for people whose language has no catalogue."""

from worker.errors import LinkFlaw, Reason
from worker.protocol import Note, Stage
from worker.protocol.lists import Hold
from worker.protocol.looks import Live
from worker.protocol.notices import Cancelled, Label, Refusal, Topic
from worker.telegram.commands import Command
from worker.telegram.texts.catalogue import Catalogue
from worker.telegram.texts.english_languages import LANGUAGE_NAMES
from worker.telegram.texts.plurals import PluralForm, one_or_other

_NEVER = "Trying again will not help."
_LATER = "Please try again later."
_COPY = "Please copy it again."
_ADMIN = "Send the link again once an admin allows it."

ENGLISH = Catalogue(
    language="en",
    plural_rule=one_or_other,
    reasons={
        Reason.INVALID_LINK: ("That is not a link I can open.", _COPY),
        Reason.REFUSED_ADDRESS: ("I do not open that address.", _NEVER),
        Reason.UNSUPPORTED: ("I found no video, sound or picture behind that link.", _NEVER),
        Reason.NO_MEDIA: ("I found no video, sound or picture on that page.", _NEVER),
        Reason.NOTHING_FOUND: ("I found nothing.", "Please search again with other words."),
        Reason.NOT_FOUND: ("That page does not exist any more.", "Please check the link."),
        Reason.FORBIDDEN: ("The site does not let me in, so I cannot get this one.", _NEVER),
        Reason.PRIVATE: ("This is private, so I cannot get it.", _NEVER),
        Reason.LOGIN_NEEDED: ("The site shows this only to people who are logged in.", _NEVER),
        Reason.AGE_RESTRICTED: ("The site asks for proof of age, which I do not have.", _NEVER),
        Reason.GEO_BLOCKED: ("The site does not show this in the country I am in.", _NEVER),
        Reason.DRM: ("This is copy-protected, so I cannot get it.", _NEVER),
        Reason.LIVE: ("This is a live stream.", "Send the link again when it is over."),
        Reason.NOT_STARTED: ("This has not started yet.", "Send the link again when it is over."),
        Reason.JUST_ENDED: (
            "This stream has just ended, and its site is still making the video.",
            "Send the link again in an hour.",
        ),
        Reason.NO_FORMAT: ("The site does not offer this in any format that I can send.", _NEVER),
        Reason.NO_SOUND: ("There is no sound in this video.", _NEVER),
        Reason.NOT_CUT: ("I cannot cut a part out of this.", "It may work as a whole."),
        Reason.BEYOND_END: ("This is over before that part begins.", "An earlier part may work."),
        Reason.NO_COVER: ("The site shows no picture for this.", _NEVER),
        Reason.NO_SUBTITLES: ("The site has no subtitles for this.", _NEVER),
        Reason.NO_SUCH_SUBTITLES: (
            "The site has no subtitles in that language.",
            "/subs and the link alone may work.",
        ),
        Reason.NO_SUCH_LANGUAGE: ("The site does not have the sound in that language.", _NEVER),
        Reason.TOO_LARGE: ("This is larger than what I can send at once.", _NEVER),
        Reason.TOO_LONG: ("This is too long for me to send.", _NEVER),
        Reason.HUGE_PAGE: ("The page behind that link is too large for me to read.", _NEVER),
        Reason.LEADS_NOWHERE: ("That link leads from page to page and never to a video.", _NEVER),
        Reason.EMPTY_FILE: ("The site gave me an empty file.", _NEVER),
        Reason.BROKEN_FILE: ("The site gave me a broken file.", _NEVER),
        Reason.UNLIKE_PARTS: ("This is made of parts that differ, and I cannot join them.", _NEVER),
        Reason.SITE_BUSY: ("The site is turning me away for now.", "Please try again in an hour."),
        Reason.SITE_ERROR: ("The site is having problems.", _LATER),
        Reason.BLOCKED_HERE: (
            "That site does not let me in at the moment; my owner knows.",
            _LATER,
        ),
        Reason.STOPPED: ("My owner has stopped this download.", _LATER),
        Reason.SITE_OFF: ("My owner has switched that site off.", _NEVER),
        Reason.SITE_DOWN: ("That site is down at the moment.", "Please try again soon."),
        Reason.NETWORK: ("I could not reach the site.", _LATER),
        Reason.TIMED_OUT: (
            "The download took too long, so I stopped it.",
            "A shorter one may work.",
        ),
        Reason.STALLED: ("The site stopped sending.", _LATER),
        Reason.OUT_OF_MEMORY: ("This needs more memory than I have.", "A shorter one may work."),
        Reason.CRASHED: ("Something broke on my side.", _LATER),
        Reason.DISK_FULL: ("I have no room left for now.", _LATER),
        Reason.UPLOAD_REFUSED: ("Telegram did not take the file.", _NEVER),
        Reason.TELEGRAM_FAILS: ("Telegram has trouble with this file.", _LATER),
        Reason.NO_RIGHT_TO_VIDEOS: ("I am not allowed to send videos here.", _ADMIN),
        Reason.NO_RIGHT_TO_PHOTOS: ("I am not allowed to send photos here.", _ADMIN),
        Reason.NO_RIGHT_TO_MUSIC: ("I am not allowed to send music here.", _ADMIN),
        Reason.NO_RIGHT_TO_FILES: ("I am not allowed to send files here.", _ADMIN),
        Reason.NO_RIGHT_TO_GIFS: ("I am not allowed to send GIFs here.", _ADMIN),
        Reason.TOPIC_CLOSED: ("This topic is closed.", "Send the link again in another one."),
        Reason.NO_RIGHT_TO_MEDIA: ("I am not allowed to send media here.", _ADMIN),
        Reason.OUTDATED: (
            "The site has changed, and I need an update.",
            "Try again in a few days.",
        ),
        Reason.INTERNAL: ("Something went wrong on my side.", _LATER),
    },
    with_error_id="{sentence} (error {error_id}).",
    too_large="This is larger than the {limit_mb} MB that I can send at once.",
    site_down="Please send the link again in {wait}.",
    languages_there="It has: {languages}.",
    cancelled="Cancelled. Send the link again if you change your mind.",
    live_offers={
        Reason.LIVE: "I can record it from now on.",
        Reason.NOT_STARTED: "I can tell you when it does.",
    },
    stages={
        Stage.ACCEPTED: "Got it. Your download starts in a moment…",
        Stage.LOOKING: "Got it. One moment…",
        Stage.AWAITING_START: "It has not started yet. I will tell you when it does…",
        Stage.OTHER_RECORDINGS: (
            "Waiting: I am recording other streams. Yours is next when one of them is done…"
        ),
        Stage.RECORDING: "Recording…",
        Stage.IN_LINE: "Waiting: yours is next…",
        Stage.PACED: "Waiting: I may only fetch so many links an hour from that site…",
        Stage.NO_ROOM: "Waiting: I have no room on my disk for now…",
        Stage.OUT_OF_ORDER: (
            "Waiting: sorry, I cannot download anything at the moment. I will as soon as I can…"
        ),
        Stage.MAINTENANCE: "Paused for maintenance: yours is next afterwards…",
        Stage.SITE_WAIT: "The site makes us wait…",
        Stage.DOWNLOADING: "Downloading…",
        Stage.FINISHING: "Almost there: preparing the file…",
        Stage.RETRYING: "That did not work. I will try again in a moment…",
        Stage.UPLOADING: "Uploading…",
        Stage.PAUSED: "Paused: I will continue when I am back…",
    },
    ahead={
        PluralForm.ONE: "Waiting: {count} download ahead of yours…",
        PluralForm.OTHER: "Waiting: {count} downloads ahead of yours…",
    },
    ahead_in_pause={
        PluralForm.ONE: "Paused for maintenance: {count} download ahead of yours…",
        PluralForm.OTHER: "Paused for maintenance: {count} downloads ahead of yours…",
    },
    paced=(
        "Waiting: I may only fetch so many links an hour from that site."
        " Yours starts in about {wait}…"
    ),
    site_wait="The site makes us wait {wait}…",
    uploading="Uploading {size}…",
    downloading="Downloading {bar} {percent} %",
    amount="{done} of {total}",
    speed="{size}/s",
    time_left="{time} left",
    silent="waiting for the site",
    recording="Recording: {time_left}",
    next_try="Trying again in {wait}: try {next_try} of {max_tries}…",
    seconds={PluralForm.ONE: "a second", PluralForm.OTHER: "{count} seconds"},
    minutes={PluralForm.ONE: "a minute", PluralForm.OTHER: "{count} minutes"},
    hours={PluralForm.ONE: "an hour", PluralForm.OTHER: "{count} hours"},
    notes={
        Note.CUT: "This is too large for one message, so I cut it into parts.",
        Note.NO_SPONSORBLOCK: "SponsorBlock did not work here, so nothing was cut out or marked.",
        Note.EARLY_START: (
            "It starts a little before the clip because an exact cut would have taken too long."
        ),
        Note.LOWER_QUALITY: "A better quality would be too large for me to send.",
        Note.AUDIO_ONLY: "This is only the sound because the video is too large for me to send.",
        Note.NO_SUBTITLES_INSIDE: "I could not put the subtitles into this video.",
        Note.NO_SUCH_SUBTITLES: "The site has no subtitles in that language.",
        Note.AUTOMATIC_SUBTITLES: "These subtitles were generated automatically.",
        Note.INCOMPLETE: "Some of this post is missing because I could not get it.",
        Note.MORE_IN_POST: "The post has more than I can send at once.",
        Note.SLOW_SITE: "The site is too slow for a better quality.",
        Note.RECORDING_STOPPED: "The recording was stopped early, so this is only a part.",
        Note.RECORDING_FULL: "The recording ends here because more would be too large to send.",
        Note.STREAM_ENDED: "The stream ended before the recording did.",
        Note.PARTS_LEFT_OUT: "Parts that differ from the rest, such as advertising, are left out.",
        Note.NOT_CONVERTED: "This is a file because converting it would have taken too long.",
        Note.TOO_LARGE_CONVERTED: "This is a file because it would be too large once converted.",
        Note.NOT_CONVERTIBLE: "This is a file because I could not convert it.",
    },
    untitled="Link",
    part="part {part} of {parts}",
    cancel_button="Cancel",
    sound_button="Sound",
    quality_button="Quality",
    back_button="Back",
    quality="{height}p",
    rate="{fps} fps",
    hdr="HDR",
    in_parts={PluralForm.ONE: "in {count} part", PluralForm.OTHER: "in {count} parts"},
    too_large_quality="too large",
    video_button="Video",
    record_button={
        PluralForm.ONE: "Record {count} minute",
        PluralForm.OTHER: "Record {count} minutes",
    },
    stop_recording_button="Stop and send",
    tell_start_button="Tell me when it starts",
    views={PluralForm.ONE: "{count} view", PluralForm.OTHER: "{count} views"},
    live={
        Live.NOW: "It is live now.",
        Live.SOON: "It has not begun yet.",
        Live.OVER: "It was a live stream.",
    },
    commands={
        Command.START: "How to use this bot",
        Command.AUDIO: "The sound alone, also as mp3, m4a or voice: /audio mp3 LINK",
        Command.VIDEO: "At most this quality, for a smaller file: /video 720 LINK",
        Command.CLIP: "A part of a video: /clip 1:20-1:45 LINK",
        Command.FILE: "The file as the site has it, unconverted: /file LINK",
        Command.PLAYLIST: "The playlist in a video's link: /playlist LINK",
        Command.INFO: "What a link leads to, without a download: /info LINK",
        Command.SEARCH: "Find a video on YouTube: /search WORDS",
        Command.COVER: "The picture that the site shows for a video: /cover LINK",
        Command.SUBS: "The subtitles as a file, also in one language: /subs en LINK",
        Command.FRESH: "Download something again, in case it has changed: /fresh LINK",
        Command.QUEUE: "Your unfinished links, each with a Cancel button",
        Command.CANCEL: "Stop all your downloads here",
        Command.SETTINGS: "How you want your answers; in a group, for its admins",
        Command.PRIVACY: "What I keep about you, and for how long",
        Command.FORGET: "Delete what I keep about you",
        Command.HELP: "How to use this bot",
        Command.BAN: "Shut somebody out: /ban ID, or as a reply to their message",
        Command.UNBAN: "Let somebody in again: /unban ID",
        Command.STATUS: "How the bot is doing",
        Command.FAILED: "What failed in the last day, by site and reason",
        Command.WHO: "What I know about somebody: /who ID, or as a reply to their message",
        Command.PAUSE: "Make all links wait, even across restarts",
        Command.RESUME: "End the pause, so that links go on",
        Command.UPDATE: "Which yt-dlp is in use: /update; /update now installs the newest",
    },
    items={PluralForm.ONE: "{count} item", PluralForm.OTHER: "{count} items"},
    list_long="I can get the first {number}.",
    list_endless="It seems endless; I can get the first {number}.",
    list_question=(
        "Which ones do you want? You can also reply to this message with their numbers, such as"
        " 3-7, 12."
    ),
    first_button="First {number}",
    all_button="All {number}",
    choose_button="Choose",
    take_button="Get {number}",
    whole_list_button="Whole list",
    done_items="Done: {number}",
    waiting_items="Waiting: {number}",
    failed_items="Failed: {number}",
    cancelled_items="Cancelled: {number}",
    why_failed="{numbers}: {what}",
    held_items={
        Hold.QUOTA: "You have sent a lot of links, so the others will come a little later.",
        Hold.SITE: "The site is not working at the moment. The others will come when it is.",
    },
    cancel_rest_button="Cancel the rest",
    try_again_button="Try the failed ones again",
    languages=LANGUAGE_NAMES,
    notices={
        Topic.HELP: (
            "Send me a link to a video, a song or a picture, and I will send you the file.\n\n"
            "{commands}\n\n"
            "Up to {most_links} links in a message. The Cancel button stops a download."
            " Private pages and copy-protected videos do not work, and live streams may not."
        ),
        Topic.HELP_PICTURE: (
            "In a private chat, the buttons below an answer offer it in other forms;"
            " More shows them all."
        ),
        Topic.HINT: "Send me a link to a video, a song or a picture. /help tells you more.",
        Topic.WHICH_WORDS: "What should I look for? For example: /search how to bake bread",
        Topic.WHICH_LINK: (
            "Put the link after the command, or reply with the command to the message that has it."
        ),
        Topic.PRIVATE_BOT: "Sorry, this is a private bot. Please ask its owner to let you in.",
        Topic.LINKS_LEFT_OUT: {
            PluralForm.ONE: (
                "I only take {most_links} links from a message. Please send the last one again."
            ),
            PluralForm.OTHER: (
                "I only take {most_links} links from a message."
                " Please send the other {count} again, up to {most_links} at a time."
            ),
        },
        Topic.DEAD_BUTTON: "This button no longer does anything.",
        Topic.CANCELLED_ALL: {
            PluralForm.ONE: "I have stopped your one unfinished link.",
            PluralForm.OTHER: "I have stopped your {count} unfinished links.",
        },
        Topic.NOTHING_TO_CANCEL: "You have no links waiting here.",
        Topic.WHICH_HEIGHT: (
            "How many lines should the video have at most? For example: /video 720 and the link."
        ),
        Topic.WHICH_CLIP: (
            "From when to when? For example: /clip 1:20-1:45 and the link, or a link with a time."
        ),
        Topic.WHICH_LANGUAGE: (
            "In which language? For example: /subs en and the link, or /subs and the link alone."
        ),
        Topic.WHICH_SOUND: (
            "Which sound? I know mp3, mp3-320, m4a and voice. For example: /audio mp3 and the link."
        ),
        Topic.DID_YOU_MEAN: "I do not know that command. Did you mean /{command}?",
        Topic.NO_OTHER_QUALITY: "The site has this in one quality only.",
        Topic.NOT_LOOKED_UP: "{why}",
        Topic.ON_ITS_WAY: "It is on its way.",
        Topic.ENOUGH_AWAITED: (
            "I am already waiting for five streams in this chat. Cancel one of them first."
        ),
        Topic.MARK_FIRST: "Please mark at least one first.",
        Topic.NO_SUCH_ITEMS: "That list has no items with these numbers.",
        Topic.NOT_YOUR_ITEMS: "Only the person who chose these can do that.",
        Topic.DESCRIPTION: "{title}\n\n{description}\n\n{link}",
        Topic.MENU_EXPIRED: "This menu was closed after 15 minutes. Please choose again.",
        Label.MORE: "More",
        Label.AS_MP3: "MP3 {bit_rate}",
        Label.AS_VOICE: "Voice message",
        Label.AS_FILE: "As a file",
        Label.COVER: "Cover",
        Label.DESCRIPTION: "Description",
        Label.CHAPTERS: "Chapters",
        Label.LANGUAGES: "Language",
        Label.SUBTITLES: "Subtitles",
        Label.IN_VIDEO: "In the video",
        Label.AUTOMATIC: "{language}, automatic",
        Label.ORIGINAL: "{language}, original",
        Label.DUBBED: "{language}, dubbed",
        Label.MENU_EXPIRED: "Closed after 15 minutes",
        Topic.BAN_WHOM: (
            "Who? Write /ban and the person's numeric id, or reply /ban to a message of theirs."
        ),
        Topic.UPDATE_BEGINS: (
            "I am looking for a new one, and will tell you. Trying it may take a few minutes."
        ),
        Topic.WHO_WHOM: (
            "Who? Write /who and the person's numeric id, or reply /who to a message of theirs."
        ),
        Topic.PAUSED: "Downloads are paused until /resume. Links are accepted, and wait.",
        Topic.PAUSED_ALREADY: "Downloads are already paused. /resume lets them go on.",
        Topic.RESUMED: "Downloads continue.",
        Topic.NOT_PAUSED: "Downloads were not paused.",
        Topic.BAN_ADMIN: "That is an admin of this bot.",
        Topic.BAN_DONE: "{user_id} is banned. /unban {user_id} lets them back in.",
        Topic.UNBAN_DONE: "{user_id} may use the bot again.",
        Topic.COOKIES_KEPT: ("I keep these cookies and use them where a link needs them: {sites}."),
        Topic.COOKIES_EXPIRED: (
            "These cookies have expired, so I do not keep them: {sites}. Please export them again."
        ),
        Topic.COOKIES_UNREADABLE: (
            "I found no cookies in that file. Please export them as cookies.txt, in Netscape"
            " format."
        ),
        Topic.COOKIES_TOO_LARGE: (
            "There are too many cookies in that file. Please export those of one site only."
        ),
        Topic.COOKIES_NOT_FETCHED: "Telegram did not give me that file. Please send it again.",
        Topic.COOKIES_NOT_STORED: "I could not store these cookies. My log says why.",
        Topic.COOKIES_REMOVED: "I have deleted your message with the file.",
        Topic.COOKIES_LEFT: (
            "I could not delete your message with the file. Please delete it yourself."
        ),
        Topic.COOKIES_PRIVATELY: (
            "Please send me cookies in our private chat, and never in a group: they are as good"
            " as a password. Somebody may have seen these, so log out of that account."
        ),
        Topic.COOKIES_OF_OTHERS: (
            "I take cookies from my admins only. Please delete that file: it is as good as a"
            " password."
        ),
        Topic.PANEL_EXPIRED: "These buttons have expired. Send the command again for new ones.",
        Topic.PANEL_NOT_YOURS: "Only the person who sent the command can press these buttons.",
        Topic.QUEUE_TITLE: {
            PluralForm.ONE: "You have one unfinished link:",
            PluralForm.OTHER: "You have {count} unfinished links:",
        },
        Topic.QUEUE_LINE: "{number}. {link}: waiting",
        Topic.QUEUE_LINE_AHEAD: {
            PluralForm.ONE: "{number}. {link}: waiting, {count} download ahead of it",
            PluralForm.OTHER: "{number}. {link}: waiting, {count} downloads ahead of it",
        },
        Topic.QUEUE_LINE_RUNNING: "{number}. {link}: downloading",
        Topic.QUEUE_LINE_SENDING: "{number}. {link}: being sent",
        Topic.QUEUE_MORE: {
            PluralForm.ONE: "… and one more.",
            PluralForm.OTHER: "… and {count} more.",
        },
        Topic.QUEUE_OF_LISTS: {
            PluralForm.ONE: "One item from your lists is waiting its turn.",
            PluralForm.OTHER: "{count} items from your lists are waiting their turn.",
        },
        Topic.QUEUE_EMPTY: "You have no links waiting.",
        Topic.SETTINGS_TITLE: "Your settings. They apply from your next link on.",
        Topic.GROUP_SETTINGS_TITLE: "The settings of this group.",
        Topic.SETTINGS_FOR_ADMINS: (
            "Only admins of this group can change its settings."
            " For your own, send me /settings in our private chat."
        ),
        Topic.SETTINGS_NOT_ANONYMOUS: (
            "Please send this as yourself: I cannot tell who presses the buttons of an anonymous"
            " admin."
        ),
        Topic.SETTING_KEPT: "Noted.",
        Topic.SETTING_QUALITY: (
            "Up to which quality do you want videos? A lower one makes smaller files."
        ),
        Topic.SETTING_SOUND: "In which format do you want the sound, with /audio?",
        Topic.SETTING_SEND: (
            "Do you want videos to play in the chat, or as files with the site's own bytes?"
        ),
        Topic.SETTING_CAPTIONS: "What do you want me to write below files?",
        Topic.SETTING_SPONSORS: (
            "What should I do with advertising in YouTube's videos? SponsorBlock knows where it is."
            " It is asked in a way that does not tell it which video you want."
        ),
        Topic.SETTING_DESCRIPTION: (
            "Do you want to read what the site says about a video, in a second message?"
        ),
        Topic.SETTING_SUBTITLES: (
            "In which language do you want subtitles in videos, where the site has some? Players"
            " show them when you switch them on."
        ),
        Topic.SETTING_LANGUAGE: "Which language should I use?",
        Topic.SETTING_BUTTONS: (
            "Do you want buttons below answers, for the sound, other qualities and more?"
        ),
        Topic.PRIVACY: (
            "What I keep about you, on my owner's server:\n"
            "• Your links, what became of them, and what I told you: {days} days. Your messages"
            " only until I have read them.\n"
            "• What you have set with /settings.\n"
            "• Files only until they are sent. I remember what I found behind links and by"
            " searches, but not who asked for it.\n"
            "Sites see my owner's server; of you they see only the words you search for. My log"
            " names sites, the addresses of what failed, and people by their numbers in Telegram."
            " /forget does not reach it."
        ),
        Topic.PRIVACY_LINKS: {
            PluralForm.ONE: "At the moment that is one link.",
            PluralForm.OTHER: "At the moment that is {count} links.",
        },
        Topic.FORGET: (
            "Shall I delete everything that I keep about you? Your unfinished links are cancelled,"
            " the buttons below my answers stop working, and your settings go back to the"
            " defaults.\n"
            "For {days} days I still keep when your links came and what they took, but not the"
            " links themselves, so that limits still count. What I sent stays in our chat; delete"
            " it there."
        ),
        Topic.FORGOTTEN: (
            "Done: your links and settings are deleted. The times of your links are deleted in"
            " {days} days."
        ),
        Topic.VERBATIM: "{text}",
        Label.CLOSE: "Close",
        Label.REFRESH: "Refresh",
        Label.CANCEL_NUMBER: "Cancel {number}",
        Label.BACK: "Back",
        Label.CHOSEN: "✓ {text}",
        Label.TITLED: "{title}: {text}",
        Label.SETTING_QUALITY: "Quality",
        Label.SETTING_SOUND: "Sound",
        Label.SETTING_SEND: "Send videos as",
        Label.SETTING_CAPTIONS: "Captions",
        Label.SETTING_SPONSORS: "SponsorBlock",
        Label.SETTING_DESCRIPTION: "Description",
        Label.SECOND_MESSAGE: "as a second message",
        Label.SETTING_SUBTITLES: "Subtitles",
        Label.SETTING_LANGUAGE: "Language",
        Label.SETTING_BUTTONS: "Buttons",
        Label.LANGUAGE_NAME: "{language}",
        Label.AS_IN_TELEGRAM: "as in Telegram",
        Label.BEST: "best that fits",
        Label.ASK_FIRST: "ask me first",
        Label.HEIGHT: "{height}p",
        Label.USUAL_SOUND: "plays everywhere",
        Label.M4A: "M4A",
        Label.MP3: "MP3, {bit_rate} kbit/s",
        Label.VOICE: "voice message",
        Label.VIDEO: "videos",
        Label.FILE: "files",
        Label.FULL: "full",
        Label.TITLE: "title only",
        Label.NONE: "none",
        Label.ON: "on",
        Label.OFF: "off",
        Label.MARK_SPONSORS: "mark as chapters",
        Label.CUT_SPONSORS: "cut out sponsors",
        Label.FORGET: "Delete it…",
        Label.DELETE: "Delete everything",
        Refusal.BANNED: "Sorry, you cannot use this bot any more.",
        Refusal.WAITING: "You have enough links waiting. Try this one again when some are done.",
        Refusal.MINUTE: "That was a lot of links in one minute. Try this one again in a minute.",
        Refusal.HOUR: "That was a lot of links in one hour. Please try this one again later.",
        Refusal.DAY: "That was a lot of links for one day. Please try this one again tomorrow.",
        Cancelled.DONE: "Stopped.",
        Cancelled.NOT_YOURS: "Only the person who sent the link can cancel it.",
        Cancelled.TOO_LATE: "Too late: it is already done.",
        LinkFlaw.TOO_LONG: "That link is too long. I can open links of up to 2048 characters.",
        LinkFlaw.SCHEME: "I can only open links that start with http:// or https://.",
        LinkFlaw.CREDENTIALS: "I do not open links with a user name or a password in them.",
        LinkFlaw.CHARACTERS: "That link contains invalid characters. Please copy it again.",
        LinkFlaw.HOST: "That link does not name a site. Please copy it again.",
        LinkFlaw.PORT: "I do not open links to that port.",
    },
)
