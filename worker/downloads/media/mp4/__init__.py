"""A small reader of MP4 files (ISO/IEC 14496-12).

`reader.read` is the way in. It reads the index of a file and tells whether the file is complete,
whether a player can begin before all of it has arrived, and, for the ordinary files that most
sites serve, what ffprobe would say of their streams. That spares most downloads a run of ffprobe,
which takes 50 to 100 ms; reading an index takes a few.

`boxes` finds the outermost boxes of a file, `tracks` reads the streams from the index, `h264` the
size and format of the pictures, `samples` where each picture lies, and `part` makes a file of some
of them. `beginning` reads what the first bytes of a file on a server say. Anybody may have written
the file, so whatever is not known here, down to single boxes, is left to ffprobe.
"""
