//! Reading a contract.
