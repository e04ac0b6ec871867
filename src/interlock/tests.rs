//! Every route of the engine's published descriptions, and every spelling of a disruptive request.

mod acts;
mod needs;
mod routes;
