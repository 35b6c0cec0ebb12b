"""A small reader of MP4 files (ISO/IEC 14496-12), which spares most files a run of ffprobe."""
