//! Input that no well-behaved client sends, or that is too much: always a clear error, never a panic; the session survives where PostgreSQL's does.

mod copying;
mod damaged_files;
mod messages;
mod statements;
