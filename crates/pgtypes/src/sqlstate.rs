//! The SQLSTATE codes of PostgreSQL 15 under the names of its `errcodes.txt`.
//!
//! A table, hence its length. Which error carries which code is decided where the error is defined, not here.
//! Left out: the classes of foreign data wrappers (HV) and of PL/pgSQL (P0).
//! Source: PostgreSQL documentation, Appendix A "PostgreSQL Error Codes".

use std::fmt;

/// A five character SQLSTATE code.
///
/// The first two characters are the class, see [`SqlState::class`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SqlState(pub &'static str);

impl SqlState {
    /// The five characters.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.0
    }

    /// The first two characters: `42` of `42P01`.
    #[must_use]
    pub fn class(&self) -> &'static str {
        self.0.get(..2).unwrap_or(self.0)
    }

    /// Finds the constant with this code, where there is one in the table.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        ALL.iter().find(|(state, _)| state.0 == code).map(|(state, _)| *state)
    }

    /// PostgreSQL's condition name, such as `undefined_table`; `None` for a code outside the table.
    #[must_use]
    pub fn condition(&self) -> Option<&'static str> {
        ALL.iter().find(|(state, _)| state == self).map(|(_, name)| *name)
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl SqlState {
    // Class 00: Successful Completion
    /// 00000 `successful_completion`
    pub const SUCCESSFUL_COMPLETION: Self = Self("00000");

    // Class 01: Warning
    /// 01000 `warning`
    pub const WARNING: Self = Self("01000");
    /// 0100C `dynamic_result_sets_returned`
    pub const WARNING_DYNAMIC_RESULT_SETS_RETURNED: Self = Self("0100C");
    /// 01008 `implicit_zero_bit_padding`
    pub const WARNING_IMPLICIT_ZERO_BIT_PADDING: Self = Self("01008");
    /// 01003 `null_value_eliminated_in_set_function`
    pub const WARNING_NULL_VALUE_ELIMINATED_IN_SET_FUNCTION: Self = Self("01003");
    /// 01007 `privilege_not_granted`
    pub const WARNING_PRIVILEGE_NOT_GRANTED: Self = Self("01007");
    /// 01006 `privilege_not_revoked`
    pub const WARNING_PRIVILEGE_NOT_REVOKED: Self = Self("01006");
    /// 01004 `string_data_right_truncation`
    pub const WARNING_STRING_DATA_RIGHT_TRUNCATION: Self = Self("01004");
    /// 01P01 `deprecated_feature`
    pub const WARNING_DEPRECATED_FEATURE: Self = Self("01P01");

    // Class 02: No Data (this is also a warning class per the SQL standard)
    /// 02000 `no_data`
    pub const NO_DATA: Self = Self("02000");
    /// 02001 `no_additional_dynamic_result_sets_returned`
    pub const NO_ADDITIONAL_DYNAMIC_RESULT_SETS_RETURNED: Self = Self("02001");

    // Class 03: SQL Statement Not Yet Complete
    /// 03000 `sql_statement_not_yet_complete`
    pub const SQL_STATEMENT_NOT_YET_COMPLETE: Self = Self("03000");

    // Class 08: Connection Exception
    /// 08000 `connection_exception`
    pub const CONNECTION_EXCEPTION: Self = Self("08000");
    /// 08003 `connection_does_not_exist`
    pub const CONNECTION_DOES_NOT_EXIST: Self = Self("08003");
    /// 08006 `connection_failure`
    pub const CONNECTION_FAILURE: Self = Self("08006");
    /// 08001 `sqlclient_unable_to_establish_sqlconnection`
    pub const SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION: Self = Self("08001");
    /// 08004 `sqlserver_rejected_establishment_of_sqlconnection`
    pub const SQLSERVER_REJECTED_ESTABLISHMENT_OF_SQLCONNECTION: Self = Self("08004");
    /// 08007 `transaction_resolution_unknown`
    pub const TRANSACTION_RESOLUTION_UNKNOWN: Self = Self("08007");
    /// 08P01 `protocol_violation`
    pub const PROTOCOL_VIOLATION: Self = Self("08P01");

    // Class 09: Triggered Action Exception
    /// 09000 `triggered_action_exception`
    pub const TRIGGERED_ACTION_EXCEPTION: Self = Self("09000");

    // Class 0A: Feature Not Supported
    /// 0A000 `feature_not_supported`
    pub const FEATURE_NOT_SUPPORTED: Self = Self("0A000");

    // Class 0B: Invalid Transaction Initiation
    /// 0B000 `invalid_transaction_initiation`
    pub const INVALID_TRANSACTION_INITIATION: Self = Self("0B000");

    // Class 0F: Locator Exception
    /// 0F000 `locator_exception`
    pub const LOCATOR_EXCEPTION: Self = Self("0F000");
    /// 0F001 `invalid_locator_specification`
    pub const L_E_INVALID_SPECIFICATION: Self = Self("0F001");

    // Class 0L: Invalid Grantor
    /// 0L000 `invalid_grantor`
    pub const INVALID_GRANTOR: Self = Self("0L000");
    /// 0LP01 `invalid_grant_operation`
    pub const INVALID_GRANT_OPERATION: Self = Self("0LP01");

    // Class 0P: Invalid Role Specification
    /// 0P000 `invalid_role_specification`
    pub const INVALID_ROLE_SPECIFICATION: Self = Self("0P000");

    // Class 0Z: Diagnostics Exception
    /// 0Z000 `diagnostics_exception`
    pub const DIAGNOSTICS_EXCEPTION: Self = Self("0Z000");
    /// 0Z002 `stacked_diagnostics_accessed_without_active_handler`
    pub const STACKED_DIAGNOSTICS_ACCESSED_WITHOUT_ACTIVE_HANDLER: Self = Self("0Z002");

    // Class 20: Case Not Found
    /// 20000 `case_not_found`
    pub const CASE_NOT_FOUND: Self = Self("20000");

    // Class 21: Cardinality Violation
    /// 21000 `cardinality_violation`
    pub const CARDINALITY_VIOLATION: Self = Self("21000");

    // Class 22: Data Exception
    /// 22000 `data_exception`
    pub const DATA_EXCEPTION: Self = Self("22000");
    /// 2202E `array_element_error`
    pub const ARRAY_ELEMENT_ERROR: Self = Self("2202E");
    /// 2202E `array_subscript_error`
    pub const ARRAY_SUBSCRIPT_ERROR: Self = Self("2202E");
    /// 22021 `character_not_in_repertoire`
    pub const CHARACTER_NOT_IN_REPERTOIRE: Self = Self("22021");
    /// 22008 `datetime_field_overflow`
    pub const DATETIME_FIELD_OVERFLOW: Self = Self("22008");
    /// 22008 `datetime_value_out_of_range`
    pub const DATETIME_VALUE_OUT_OF_RANGE: Self = Self("22008");
    /// 22012 `division_by_zero`
    pub const DIVISION_BY_ZERO: Self = Self("22012");
    /// 22005 `error_in_assignment`
    pub const ERROR_IN_ASSIGNMENT: Self = Self("22005");
    /// 2200B `escape_character_conflict`
    pub const ESCAPE_CHARACTER_CONFLICT: Self = Self("2200B");
    /// 22022 `indicator_overflow`
    pub const INDICATOR_OVERFLOW: Self = Self("22022");
    /// 22015 `interval_field_overflow`
    pub const INTERVAL_FIELD_OVERFLOW: Self = Self("22015");
    /// 2201E `invalid_argument_for_logarithm`
    pub const INVALID_ARGUMENT_FOR_LOG: Self = Self("2201E");
    /// 22014 `invalid_argument_for_ntile_function`
    pub const INVALID_ARGUMENT_FOR_NTILE: Self = Self("22014");
    /// 22016 `invalid_argument_for_nth_value_function`
    pub const INVALID_ARGUMENT_FOR_NTH_VALUE: Self = Self("22016");
    /// 2201F `invalid_argument_for_power_function`
    pub const INVALID_ARGUMENT_FOR_POWER_FUNCTION: Self = Self("2201F");
    /// 2201G `invalid_argument_for_width_bucket_function`
    pub const INVALID_ARGUMENT_FOR_WIDTH_BUCKET_FUNCTION: Self = Self("2201G");
    /// 22018 `invalid_character_value_for_cast`
    pub const INVALID_CHARACTER_VALUE_FOR_CAST: Self = Self("22018");
    /// 22007 `invalid_datetime_format`
    pub const INVALID_DATETIME_FORMAT: Self = Self("22007");
    /// 22019 `invalid_escape_character`
    pub const INVALID_ESCAPE_CHARACTER: Self = Self("22019");
    /// 2200D `invalid_escape_octet`
    pub const INVALID_ESCAPE_OCTET: Self = Self("2200D");
    /// 22025 `invalid_escape_sequence`
    pub const INVALID_ESCAPE_SEQUENCE: Self = Self("22025");
    /// 22P06 `nonstandard_use_of_escape_character`
    pub const NONSTANDARD_USE_OF_ESCAPE_CHARACTER: Self = Self("22P06");
    /// 22010 `invalid_indicator_parameter_value`
    pub const INVALID_INDICATOR_PARAMETER_VALUE: Self = Self("22010");
    /// 22023 `invalid_parameter_value`
    pub const INVALID_PARAMETER_VALUE: Self = Self("22023");
    /// 22013 `invalid_preceding_or_following_size`
    pub const INVALID_PRECEDING_OR_FOLLOWING_SIZE: Self = Self("22013");
    /// 2201B `invalid_regular_expression`
    pub const INVALID_REGULAR_EXPRESSION: Self = Self("2201B");
    /// 2201W `invalid_row_count_in_limit_clause`
    pub const INVALID_ROW_COUNT_IN_LIMIT_CLAUSE: Self = Self("2201W");
    /// 2201X `invalid_row_count_in_result_offset_clause`
    pub const INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE: Self = Self("2201X");
    /// 2202H `invalid_tablesample_argument`
    pub const INVALID_TABLESAMPLE_ARGUMENT: Self = Self("2202H");
    /// 2202G `invalid_tablesample_repeat`
    pub const INVALID_TABLESAMPLE_REPEAT: Self = Self("2202G");
    /// 22009 `invalid_time_zone_displacement_value`
    pub const INVALID_TIME_ZONE_DISPLACEMENT_VALUE: Self = Self("22009");
    /// 2200C `invalid_use_of_escape_character`
    pub const INVALID_USE_OF_ESCAPE_CHARACTER: Self = Self("2200C");
    /// 2200G `most_specific_type_mismatch`
    pub const MOST_SPECIFIC_TYPE_MISMATCH: Self = Self("2200G");
    /// 22004 `null_value_not_allowed`
    pub const NULL_VALUE_NOT_ALLOWED: Self = Self("22004");
    /// 22002 `null_value_no_indicator_parameter`
    pub const NULL_VALUE_NO_INDICATOR_PARAMETER: Self = Self("22002");
    /// 22003 `numeric_value_out_of_range`
    pub const NUMERIC_VALUE_OUT_OF_RANGE: Self = Self("22003");
    /// 2200H `sequence_generator_limit_exceeded`
    pub const SEQUENCE_GENERATOR_LIMIT_EXCEEDED: Self = Self("2200H");
    /// 22026 `string_data_length_mismatch`
    pub const STRING_DATA_LENGTH_MISMATCH: Self = Self("22026");
    /// 22001 `string_data_right_truncation`
    pub const STRING_DATA_RIGHT_TRUNCATION: Self = Self("22001");
    /// 22011 `substring_error`
    pub const SUBSTRING_ERROR: Self = Self("22011");
    /// 22027 `trim_error`
    pub const TRIM_ERROR: Self = Self("22027");
    /// 22024 `unterminated_c_string`
    pub const UNTERMINATED_C_STRING: Self = Self("22024");
    /// 2200F `zero_length_character_string`
    pub const ZERO_LENGTH_CHARACTER_STRING: Self = Self("2200F");
    /// 22P01 `floating_point_exception`
    pub const FLOATING_POINT_EXCEPTION: Self = Self("22P01");
    /// 22P02 `invalid_text_representation`
    pub const INVALID_TEXT_REPRESENTATION: Self = Self("22P02");
    /// 22P03 `invalid_binary_representation`
    pub const INVALID_BINARY_REPRESENTATION: Self = Self("22P03");
    /// 22P04 `bad_copy_file_format`
    pub const BAD_COPY_FILE_FORMAT: Self = Self("22P04");
    /// 22P05 `untranslatable_character`
    pub const UNTRANSLATABLE_CHARACTER: Self = Self("22P05");
    /// 22P07 `datum_version_mismatch`
    pub const DATUM_VERSION_MISMATCH: Self = Self("22P07");
    /// 2200L `not_an_xml_document`
    pub const NOT_AN_XML_DOCUMENT: Self = Self("2200L");
    /// 2200M `invalid_xml_document`
    pub const INVALID_XML_DOCUMENT: Self = Self("2200M");
    /// 2200N `invalid_xml_content`
    pub const INVALID_XML_CONTENT: Self = Self("2200N");
    /// 2200S `invalid_xml_comment`
    pub const INVALID_XML_COMMENT: Self = Self("2200S");
    /// 2200T `invalid_xml_processing_instruction`
    pub const INVALID_XML_PROCESSING_INSTRUCTION: Self = Self("2200T");
    /// 22030 `duplicate_json_object_key_value`
    pub const DUPLICATE_JSON_OBJECT_KEY_VALUE: Self = Self("22030");
    /// 22031 `invalid_argument_for_sql_json_datetime_function`
    pub const INVALID_ARGUMENT_FOR_SQL_JSON_DATETIME_FUNCTION: Self = Self("22031");
    /// 22032 `invalid_json_text`
    pub const INVALID_JSON_TEXT: Self = Self("22032");
    /// 22033 `invalid_sql_json_subscript`
    pub const INVALID_SQL_JSON_SUBSCRIPT: Self = Self("22033");
    /// 22034 `more_than_one_sql_json_item`
    pub const MORE_THAN_ONE_SQL_JSON_ITEM: Self = Self("22034");
    /// 22035 `no_sql_json_item`
    pub const NO_SQL_JSON_ITEM: Self = Self("22035");
    /// 22036 `non_numeric_sql_json_item`
    pub const NON_NUMERIC_SQL_JSON_ITEM: Self = Self("22036");
    /// 22037 `non_unique_keys_in_a_json_object`
    pub const NON_UNIQUE_KEYS_IN_A_JSON_OBJECT: Self = Self("22037");
    /// 22038 `singleton_sql_json_item_required`
    pub const SINGLETON_SQL_JSON_ITEM_REQUIRED: Self = Self("22038");
    /// 22039 `sql_json_array_not_found`
    pub const SQL_JSON_ARRAY_NOT_FOUND: Self = Self("22039");
    /// 2203A `sql_json_member_not_found`
    pub const SQL_JSON_MEMBER_NOT_FOUND: Self = Self("2203A");
    /// 2203B `sql_json_number_not_found`
    pub const SQL_JSON_NUMBER_NOT_FOUND: Self = Self("2203B");
    /// 2203C `sql_json_object_not_found`
    pub const SQL_JSON_OBJECT_NOT_FOUND: Self = Self("2203C");
    /// 2203D `too_many_json_array_elements`
    pub const TOO_MANY_JSON_ARRAY_ELEMENTS: Self = Self("2203D");
    /// 2203E `too_many_json_object_members`
    pub const TOO_MANY_JSON_OBJECT_MEMBERS: Self = Self("2203E");
    /// 2203F `sql_json_scalar_required`
    pub const SQL_JSON_SCALAR_REQUIRED: Self = Self("2203F");
    /// 2203G `sql_json_item_cannot_be_cast_to_target_type`
    pub const SQL_JSON_ITEM_CANNOT_BE_CAST_TO_TARGET_TYPE: Self = Self("2203G");

    // Class 23: Integrity Constraint Violation
    /// 23000 `integrity_constraint_violation`
    pub const INTEGRITY_CONSTRAINT_VIOLATION: Self = Self("23000");
    /// 23001 `restrict_violation`
    pub const RESTRICT_VIOLATION: Self = Self("23001");
    /// 23502 `not_null_violation`
    pub const NOT_NULL_VIOLATION: Self = Self("23502");
    /// 23503 `foreign_key_violation`
    pub const FOREIGN_KEY_VIOLATION: Self = Self("23503");
    /// 23505 `unique_violation`
    pub const UNIQUE_VIOLATION: Self = Self("23505");
    /// 23514 `check_violation`
    pub const CHECK_VIOLATION: Self = Self("23514");
    /// 23P01 `exclusion_violation`
    pub const EXCLUSION_VIOLATION: Self = Self("23P01");

    // Class 24: Invalid Cursor State
    /// 24000 `invalid_cursor_state`
    pub const INVALID_CURSOR_STATE: Self = Self("24000");

    // Class 25: Invalid Transaction State
    /// 25000 `invalid_transaction_state`
    pub const INVALID_TRANSACTION_STATE: Self = Self("25000");
    /// 25001 `active_sql_transaction`
    pub const ACTIVE_SQL_TRANSACTION: Self = Self("25001");
    /// 25002 `branch_transaction_already_active`
    pub const BRANCH_TRANSACTION_ALREADY_ACTIVE: Self = Self("25002");
    /// 25008 `held_cursor_requires_same_isolation_level`
    pub const HELD_CURSOR_REQUIRES_SAME_ISOLATION_LEVEL: Self = Self("25008");
    /// 25003 `inappropriate_access_mode_for_branch_transaction`
    pub const INAPPROPRIATE_ACCESS_MODE_FOR_BRANCH_TRANSACTION: Self = Self("25003");
    /// 25004 `inappropriate_isolation_level_for_branch_transaction`
    pub const INAPPROPRIATE_ISOLATION_LEVEL_FOR_BRANCH_TRANSACTION: Self = Self("25004");
    /// 25005 `no_active_sql_transaction_for_branch_transaction`
    pub const NO_ACTIVE_SQL_TRANSACTION_FOR_BRANCH_TRANSACTION: Self = Self("25005");
    /// 25006 `read_only_sql_transaction`
    pub const READ_ONLY_SQL_TRANSACTION: Self = Self("25006");
    /// 25007 `schema_and_data_statement_mixing_not_supported`
    pub const SCHEMA_AND_DATA_STATEMENT_MIXING_NOT_SUPPORTED: Self = Self("25007");
    /// 25P01 `no_active_sql_transaction`
    pub const NO_ACTIVE_SQL_TRANSACTION: Self = Self("25P01");
    /// 25P02 `in_failed_sql_transaction`
    pub const IN_FAILED_SQL_TRANSACTION: Self = Self("25P02");
    /// 25P03 `idle_in_transaction_session_timeout`
    pub const IDLE_IN_TRANSACTION_SESSION_TIMEOUT: Self = Self("25P03");

    // Class 26: Invalid SQL Statement Name
    /// 26000 `invalid_sql_statement_name`
    pub const INVALID_SQL_STATEMENT_NAME: Self = Self("26000");

    // Class 27: Triggered Data Change Violation
    /// 27000 `triggered_data_change_violation`
    pub const TRIGGERED_DATA_CHANGE_VIOLATION: Self = Self("27000");

    // Class 28: Invalid Authorization Specification
    /// 28000 `invalid_authorization_specification`
    pub const INVALID_AUTHORIZATION_SPECIFICATION: Self = Self("28000");
    /// 28P01 `invalid_password`
    pub const INVALID_PASSWORD: Self = Self("28P01");

    // Class 2B: Dependent Privilege Descriptors Still Exist
    /// 2B000 `dependent_privilege_descriptors_still_exist`
    pub const DEPENDENT_PRIVILEGE_DESCRIPTORS_STILL_EXIST: Self = Self("2B000");
    /// 2BP01 `dependent_objects_still_exist`
    pub const DEPENDENT_OBJECTS_STILL_EXIST: Self = Self("2BP01");

    // Class 2D: Invalid Transaction Termination
    /// 2D000 `invalid_transaction_termination`
    pub const INVALID_TRANSACTION_TERMINATION: Self = Self("2D000");

    // Class 2F: SQL Routine Exception
    /// 2F000 `sql_routine_exception`
    pub const SQL_ROUTINE_EXCEPTION: Self = Self("2F000");
    /// 2F005 `function_executed_no_return_statement`
    pub const S_R_E_FUNCTION_EXECUTED_NO_RETURN_STATEMENT: Self = Self("2F005");
    /// 2F002 `modifying_sql_data_not_permitted`
    pub const S_R_E_MODIFYING_SQL_DATA_NOT_PERMITTED: Self = Self("2F002");
    /// 2F003 `prohibited_sql_statement_attempted`
    pub const S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED: Self = Self("2F003");
    /// 2F004 `reading_sql_data_not_permitted`
    pub const S_R_E_READING_SQL_DATA_NOT_PERMITTED: Self = Self("2F004");

    // Class 34: Invalid Cursor Name
    /// 34000 `invalid_cursor_name`
    pub const INVALID_CURSOR_NAME: Self = Self("34000");

    // Class 38: External Routine Exception
    /// 38000 `external_routine_exception`
    pub const EXTERNAL_ROUTINE_EXCEPTION: Self = Self("38000");
    /// 38001 `containing_sql_not_permitted`
    pub const E_R_E_CONTAINING_SQL_NOT_PERMITTED: Self = Self("38001");
    /// 38002 `modifying_sql_data_not_permitted`
    pub const E_R_E_MODIFYING_SQL_DATA_NOT_PERMITTED: Self = Self("38002");
    /// 38003 `prohibited_sql_statement_attempted`
    pub const E_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED: Self = Self("38003");
    /// 38004 `reading_sql_data_not_permitted`
    pub const E_R_E_READING_SQL_DATA_NOT_PERMITTED: Self = Self("38004");

    // Class 39: External Routine Invocation Exception
    /// 39000 `external_routine_invocation_exception`
    pub const EXTERNAL_ROUTINE_INVOCATION_EXCEPTION: Self = Self("39000");
    /// 39001 `invalid_sqlstate_returned`
    pub const E_R_I_E_INVALID_SQLSTATE_RETURNED: Self = Self("39001");
    /// 39004 `null_value_not_allowed`
    pub const E_R_I_E_NULL_VALUE_NOT_ALLOWED: Self = Self("39004");
    /// 39P01 `trigger_protocol_violated`
    pub const E_R_I_E_TRIGGER_PROTOCOL_VIOLATED: Self = Self("39P01");
    /// 39P02 `srf_protocol_violated`
    pub const E_R_I_E_SRF_PROTOCOL_VIOLATED: Self = Self("39P02");
    /// 39P03 `event_trigger_protocol_violated`
    pub const E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED: Self = Self("39P03");

    // Class 3B: Savepoint Exception
    /// 3B000 `savepoint_exception`
    pub const SAVEPOINT_EXCEPTION: Self = Self("3B000");
    /// 3B001 `invalid_savepoint_specification`
    pub const S_E_INVALID_SPECIFICATION: Self = Self("3B001");

    // Class 3D: Invalid Catalog Name
    /// 3D000 `invalid_catalog_name`
    pub const INVALID_CATALOG_NAME: Self = Self("3D000");

    // Class 3F: Invalid Schema Name
    /// 3F000 `invalid_schema_name`
    pub const INVALID_SCHEMA_NAME: Self = Self("3F000");

    // Class 40: Transaction Rollback
    /// 40000 `transaction_rollback`
    pub const TRANSACTION_ROLLBACK: Self = Self("40000");
    /// 40002 `transaction_integrity_constraint_violation`
    pub const T_R_INTEGRITY_CONSTRAINT_VIOLATION: Self = Self("40002");
    /// 40001 `serialization_failure`
    pub const T_R_SERIALIZATION_FAILURE: Self = Self("40001");
    /// 40003 `statement_completion_unknown`
    pub const T_R_STATEMENT_COMPLETION_UNKNOWN: Self = Self("40003");
    /// 40P01 `deadlock_detected`
    pub const T_R_DEADLOCK_DETECTED: Self = Self("40P01");

    // Class 42: Syntax Error or Access Rule Violation
    /// 42000 `syntax_error_or_access_rule_violation`
    pub const SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION: Self = Self("42000");
    /// 42601 `syntax_error`
    pub const SYNTAX_ERROR: Self = Self("42601");
    /// 42501 `insufficient_privilege`
    pub const INSUFFICIENT_PRIVILEGE: Self = Self("42501");
    /// 42846 `cannot_coerce`
    pub const CANNOT_COERCE: Self = Self("42846");
    /// 42803 `grouping_error`
    pub const GROUPING_ERROR: Self = Self("42803");
    /// 42P20 `windowing_error`
    pub const WINDOWING_ERROR: Self = Self("42P20");
    /// 42P19 `invalid_recursion`
    pub const INVALID_RECURSION: Self = Self("42P19");
    /// 42830 `invalid_foreign_key`
    pub const INVALID_FOREIGN_KEY: Self = Self("42830");
    /// 42602 `invalid_name`
    pub const INVALID_NAME: Self = Self("42602");
    /// 42622 `name_too_long`
    pub const NAME_TOO_LONG: Self = Self("42622");
    /// 42939 `reserved_name`
    pub const RESERVED_NAME: Self = Self("42939");
    /// 42804 `datatype_mismatch`
    pub const DATATYPE_MISMATCH: Self = Self("42804");
    /// 42P18 `indeterminate_datatype`
    pub const INDETERMINATE_DATATYPE: Self = Self("42P18");
    /// 42P21 `collation_mismatch`
    pub const COLLATION_MISMATCH: Self = Self("42P21");
    /// 42P22 `indeterminate_collation`
    pub const INDETERMINATE_COLLATION: Self = Self("42P22");
    /// 42809 `wrong_object_type`
    pub const WRONG_OBJECT_TYPE: Self = Self("42809");
    /// 428C9 `generated_always`
    pub const GENERATED_ALWAYS: Self = Self("428C9");
    /// 42703 `undefined_column`
    pub const UNDEFINED_COLUMN: Self = Self("42703");
    /// 34000 `undefined_cursor`
    pub const UNDEFINED_CURSOR: Self = Self("34000");
    /// 3D000 `undefined_database`
    pub const UNDEFINED_DATABASE: Self = Self("3D000");
    /// 42883 `undefined_function`
    pub const UNDEFINED_FUNCTION: Self = Self("42883");
    /// 26000 `undefined_pstatement`
    pub const UNDEFINED_PSTATEMENT: Self = Self("26000");
    /// 3F000 `undefined_schema`
    pub const UNDEFINED_SCHEMA: Self = Self("3F000");
    /// 42P01 `undefined_table`
    pub const UNDEFINED_TABLE: Self = Self("42P01");
    /// 42P02 `undefined_parameter`
    pub const UNDEFINED_PARAMETER: Self = Self("42P02");
    /// 42704 `undefined_object`
    pub const UNDEFINED_OBJECT: Self = Self("42704");
    /// 42701 `duplicate_column`
    pub const DUPLICATE_COLUMN: Self = Self("42701");
    /// 42P03 `duplicate_cursor`
    pub const DUPLICATE_CURSOR: Self = Self("42P03");
    /// 42P04 `duplicate_database`
    pub const DUPLICATE_DATABASE: Self = Self("42P04");
    /// 42723 `duplicate_function`
    pub const DUPLICATE_FUNCTION: Self = Self("42723");
    /// 42P05 `duplicate_prepared_statement`
    pub const DUPLICATE_PSTATEMENT: Self = Self("42P05");
    /// 42P06 `duplicate_schema`
    pub const DUPLICATE_SCHEMA: Self = Self("42P06");
    /// 42P07 `duplicate_table`
    pub const DUPLICATE_TABLE: Self = Self("42P07");
    /// 42712 `duplicate_alias`
    pub const DUPLICATE_ALIAS: Self = Self("42712");
    /// 42710 `duplicate_object`
    pub const DUPLICATE_OBJECT: Self = Self("42710");
    /// 42702 `ambiguous_column`
    pub const AMBIGUOUS_COLUMN: Self = Self("42702");
    /// 42725 `ambiguous_function`
    pub const AMBIGUOUS_FUNCTION: Self = Self("42725");
    /// 42P08 `ambiguous_parameter`
    pub const AMBIGUOUS_PARAMETER: Self = Self("42P08");
    /// 42P09 `ambiguous_alias`
    pub const AMBIGUOUS_ALIAS: Self = Self("42P09");
    /// 42P10 `invalid_column_reference`
    pub const INVALID_COLUMN_REFERENCE: Self = Self("42P10");
    /// 42611 `invalid_column_definition`
    pub const INVALID_COLUMN_DEFINITION: Self = Self("42611");
    /// 42P11 `invalid_cursor_definition`
    pub const INVALID_CURSOR_DEFINITION: Self = Self("42P11");
    /// 42P12 `invalid_database_definition`
    pub const INVALID_DATABASE_DEFINITION: Self = Self("42P12");
    /// 42P13 `invalid_function_definition`
    pub const INVALID_FUNCTION_DEFINITION: Self = Self("42P13");
    /// 42P14 `invalid_prepared_statement_definition`
    pub const INVALID_PSTATEMENT_DEFINITION: Self = Self("42P14");
    /// 42P15 `invalid_schema_definition`
    pub const INVALID_SCHEMA_DEFINITION: Self = Self("42P15");
    /// 42P16 `invalid_table_definition`
    pub const INVALID_TABLE_DEFINITION: Self = Self("42P16");
    /// 42P17 `invalid_object_definition`
    pub const INVALID_OBJECT_DEFINITION: Self = Self("42P17");

    // Class 44: WITH CHECK OPTION Violation
    /// 44000 `with_check_option_violation`
    pub const WITH_CHECK_OPTION_VIOLATION: Self = Self("44000");

    // Class 53: Insufficient Resources
    /// 53000 `insufficient_resources`
    pub const INSUFFICIENT_RESOURCES: Self = Self("53000");
    /// 53100 `disk_full`
    pub const DISK_FULL: Self = Self("53100");
    /// 53200 `out_of_memory`
    pub const OUT_OF_MEMORY: Self = Self("53200");
    /// 53300 `too_many_connections`
    pub const TOO_MANY_CONNECTIONS: Self = Self("53300");
    /// 53400 `configuration_limit_exceeded`
    pub const CONFIGURATION_LIMIT_EXCEEDED: Self = Self("53400");

    // Class 54: Program Limit Exceeded
    /// 54000 `program_limit_exceeded`
    pub const PROGRAM_LIMIT_EXCEEDED: Self = Self("54000");
    /// 54001 `statement_too_complex`
    pub const STATEMENT_TOO_COMPLEX: Self = Self("54001");
    /// 54011 `too_many_columns`
    pub const TOO_MANY_COLUMNS: Self = Self("54011");
    /// 54023 `too_many_arguments`
    pub const TOO_MANY_ARGUMENTS: Self = Self("54023");

    // Class 55: Object Not In Prerequisite State
    /// 55000 `object_not_in_prerequisite_state`
    pub const OBJECT_NOT_IN_PREREQUISITE_STATE: Self = Self("55000");
    /// 55006 `object_in_use`
    pub const OBJECT_IN_USE: Self = Self("55006");
    /// 55P02 `cant_change_runtime_param`
    pub const CANT_CHANGE_RUNTIME_PARAM: Self = Self("55P02");
    /// 55P03 `lock_not_available`
    pub const LOCK_NOT_AVAILABLE: Self = Self("55P03");
    /// 55P04 `unsafe_new_enum_value_usage`
    pub const UNSAFE_NEW_ENUM_VALUE_USAGE: Self = Self("55P04");

    // Class 57: Operator Intervention
    /// 57000 `operator_intervention`
    pub const OPERATOR_INTERVENTION: Self = Self("57000");
    /// 57014 `query_canceled`
    pub const QUERY_CANCELED: Self = Self("57014");
    /// 57P01 `admin_shutdown`
    pub const ADMIN_SHUTDOWN: Self = Self("57P01");
    /// 57P02 `crash_shutdown`
    pub const CRASH_SHUTDOWN: Self = Self("57P02");
    /// 57P03 `cannot_connect_now`
    pub const CANNOT_CONNECT_NOW: Self = Self("57P03");
    /// 57P04 `database_dropped`
    pub const DATABASE_DROPPED: Self = Self("57P04");
    /// 57P05 `idle_session_timeout`
    pub const IDLE_SESSION_TIMEOUT: Self = Self("57P05");

    // Class 58: System Error (errors external to PostgreSQL itself)
    /// 58000 `system_error`
    pub const SYSTEM_ERROR: Self = Self("58000");
    /// 58030 `io_error`
    pub const IO_ERROR: Self = Self("58030");
    /// 58P01 `undefined_file`
    pub const UNDEFINED_FILE: Self = Self("58P01");
    /// 58P02 `duplicate_file`
    pub const DUPLICATE_FILE: Self = Self("58P02");

    // Class 72: Snapshot Failure
    /// 72000 `snapshot_too_old`
    pub const SNAPSHOT_TOO_OLD: Self = Self("72000");

    // Class F0: Configuration File Error
    /// F0000 `config_file_error`
    pub const CONFIG_FILE_ERROR: Self = Self("F0000");
    /// F0001 `lock_file_exists`
    pub const LOCK_FILE_EXISTS: Self = Self("F0001");

    // Class XX: Internal Error
    /// XX000 `internal_error`
    pub const INTERNAL_ERROR: Self = Self("XX000");
    /// XX001 `data_corrupted`
    pub const DATA_CORRUPTED: Self = Self("XX001");
    /// XX002 `index_corrupted`
    pub const INDEX_CORRUPTED: Self = Self("XX002");
}

/// Every constant with its condition name, in the order of the codes' classes.
static ALL: &[(SqlState, &str)] = &[
    (SqlState::SUCCESSFUL_COMPLETION, "successful_completion"),
    (SqlState::WARNING, "warning"),
    (SqlState::WARNING_DYNAMIC_RESULT_SETS_RETURNED, "dynamic_result_sets_returned"),
    (SqlState::WARNING_IMPLICIT_ZERO_BIT_PADDING, "implicit_zero_bit_padding"),
    (SqlState::WARNING_NULL_VALUE_ELIMINATED_IN_SET_FUNCTION, "null_value_eliminated_in_set_function"),
    (SqlState::WARNING_PRIVILEGE_NOT_GRANTED, "privilege_not_granted"),
    (SqlState::WARNING_PRIVILEGE_NOT_REVOKED, "privilege_not_revoked"),
    (SqlState::WARNING_STRING_DATA_RIGHT_TRUNCATION, "string_data_right_truncation"),
    (SqlState::WARNING_DEPRECATED_FEATURE, "deprecated_feature"),
    (SqlState::NO_DATA, "no_data"),
    (SqlState::NO_ADDITIONAL_DYNAMIC_RESULT_SETS_RETURNED, "no_additional_dynamic_result_sets_returned"),
    (SqlState::SQL_STATEMENT_NOT_YET_COMPLETE, "sql_statement_not_yet_complete"),
    (SqlState::CONNECTION_EXCEPTION, "connection_exception"),
    (SqlState::CONNECTION_DOES_NOT_EXIST, "connection_does_not_exist"),
    (SqlState::CONNECTION_FAILURE, "connection_failure"),
    (SqlState::SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION, "sqlclient_unable_to_establish_sqlconnection"),
    (SqlState::SQLSERVER_REJECTED_ESTABLISHMENT_OF_SQLCONNECTION, "sqlserver_rejected_establishment_of_sqlconnection"),
    (SqlState::TRANSACTION_RESOLUTION_UNKNOWN, "transaction_resolution_unknown"),
    (SqlState::PROTOCOL_VIOLATION, "protocol_violation"),
    (SqlState::TRIGGERED_ACTION_EXCEPTION, "triggered_action_exception"),
    (SqlState::FEATURE_NOT_SUPPORTED, "feature_not_supported"),
    (SqlState::INVALID_TRANSACTION_INITIATION, "invalid_transaction_initiation"),
    (SqlState::LOCATOR_EXCEPTION, "locator_exception"),
    (SqlState::L_E_INVALID_SPECIFICATION, "invalid_locator_specification"),
    (SqlState::INVALID_GRANTOR, "invalid_grantor"),
    (SqlState::INVALID_GRANT_OPERATION, "invalid_grant_operation"),
    (SqlState::INVALID_ROLE_SPECIFICATION, "invalid_role_specification"),
    (SqlState::DIAGNOSTICS_EXCEPTION, "diagnostics_exception"),
    (SqlState::STACKED_DIAGNOSTICS_ACCESSED_WITHOUT_ACTIVE_HANDLER, "stacked_diagnostics_accessed_without_active_handler"),
    (SqlState::CASE_NOT_FOUND, "case_not_found"),
    (SqlState::CARDINALITY_VIOLATION, "cardinality_violation"),
    (SqlState::DATA_EXCEPTION, "data_exception"),
    (SqlState::ARRAY_ELEMENT_ERROR, "array_element_error"),
    (SqlState::ARRAY_SUBSCRIPT_ERROR, "array_subscript_error"),
    (SqlState::CHARACTER_NOT_IN_REPERTOIRE, "character_not_in_repertoire"),
    (SqlState::DATETIME_FIELD_OVERFLOW, "datetime_field_overflow"),
    (SqlState::DATETIME_VALUE_OUT_OF_RANGE, "datetime_value_out_of_range"),
    (SqlState::DIVISION_BY_ZERO, "division_by_zero"),
    (SqlState::ERROR_IN_ASSIGNMENT, "error_in_assignment"),
    (SqlState::ESCAPE_CHARACTER_CONFLICT, "escape_character_conflict"),
    (SqlState::INDICATOR_OVERFLOW, "indicator_overflow"),
    (SqlState::INTERVAL_FIELD_OVERFLOW, "interval_field_overflow"),
    (SqlState::INVALID_ARGUMENT_FOR_LOG, "invalid_argument_for_logarithm"),
    (SqlState::INVALID_ARGUMENT_FOR_NTILE, "invalid_argument_for_ntile_function"),
    (SqlState::INVALID_ARGUMENT_FOR_NTH_VALUE, "invalid_argument_for_nth_value_function"),
    (SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, "invalid_argument_for_power_function"),
    (SqlState::INVALID_ARGUMENT_FOR_WIDTH_BUCKET_FUNCTION, "invalid_argument_for_width_bucket_function"),
    (SqlState::INVALID_CHARACTER_VALUE_FOR_CAST, "invalid_character_value_for_cast"),
    (SqlState::INVALID_DATETIME_FORMAT, "invalid_datetime_format"),
    (SqlState::INVALID_ESCAPE_CHARACTER, "invalid_escape_character"),
    (SqlState::INVALID_ESCAPE_OCTET, "invalid_escape_octet"),
    (SqlState::INVALID_ESCAPE_SEQUENCE, "invalid_escape_sequence"),
    (SqlState::NONSTANDARD_USE_OF_ESCAPE_CHARACTER, "nonstandard_use_of_escape_character"),
    (SqlState::INVALID_INDICATOR_PARAMETER_VALUE, "invalid_indicator_parameter_value"),
    (SqlState::INVALID_PARAMETER_VALUE, "invalid_parameter_value"),
    (SqlState::INVALID_PRECEDING_OR_FOLLOWING_SIZE, "invalid_preceding_or_following_size"),
    (SqlState::INVALID_REGULAR_EXPRESSION, "invalid_regular_expression"),
    (SqlState::INVALID_ROW_COUNT_IN_LIMIT_CLAUSE, "invalid_row_count_in_limit_clause"),
    (SqlState::INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE, "invalid_row_count_in_result_offset_clause"),
    (SqlState::INVALID_TABLESAMPLE_ARGUMENT, "invalid_tablesample_argument"),
    (SqlState::INVALID_TABLESAMPLE_REPEAT, "invalid_tablesample_repeat"),
    (SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE, "invalid_time_zone_displacement_value"),
    (SqlState::INVALID_USE_OF_ESCAPE_CHARACTER, "invalid_use_of_escape_character"),
    (SqlState::MOST_SPECIFIC_TYPE_MISMATCH, "most_specific_type_mismatch"),
    (SqlState::NULL_VALUE_NOT_ALLOWED, "null_value_not_allowed"),
    (SqlState::NULL_VALUE_NO_INDICATOR_PARAMETER, "null_value_no_indicator_parameter"),
    (SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric_value_out_of_range"),
    (SqlState::SEQUENCE_GENERATOR_LIMIT_EXCEEDED, "sequence_generator_limit_exceeded"),
    (SqlState::STRING_DATA_LENGTH_MISMATCH, "string_data_length_mismatch"),
    (SqlState::STRING_DATA_RIGHT_TRUNCATION, "string_data_right_truncation"),
    (SqlState::SUBSTRING_ERROR, "substring_error"),
    (SqlState::TRIM_ERROR, "trim_error"),
    (SqlState::UNTERMINATED_C_STRING, "unterminated_c_string"),
    (SqlState::ZERO_LENGTH_CHARACTER_STRING, "zero_length_character_string"),
    (SqlState::FLOATING_POINT_EXCEPTION, "floating_point_exception"),
    (SqlState::INVALID_TEXT_REPRESENTATION, "invalid_text_representation"),
    (SqlState::INVALID_BINARY_REPRESENTATION, "invalid_binary_representation"),
    (SqlState::BAD_COPY_FILE_FORMAT, "bad_copy_file_format"),
    (SqlState::UNTRANSLATABLE_CHARACTER, "untranslatable_character"),
    (SqlState::DATUM_VERSION_MISMATCH, "datum_version_mismatch"),
    (SqlState::NOT_AN_XML_DOCUMENT, "not_an_xml_document"),
    (SqlState::INVALID_XML_DOCUMENT, "invalid_xml_document"),
    (SqlState::INVALID_XML_CONTENT, "invalid_xml_content"),
    (SqlState::INVALID_XML_COMMENT, "invalid_xml_comment"),
    (SqlState::INVALID_XML_PROCESSING_INSTRUCTION, "invalid_xml_processing_instruction"),
    (SqlState::DUPLICATE_JSON_OBJECT_KEY_VALUE, "duplicate_json_object_key_value"),
    (SqlState::INVALID_ARGUMENT_FOR_SQL_JSON_DATETIME_FUNCTION, "invalid_argument_for_sql_json_datetime_function"),
    (SqlState::INVALID_JSON_TEXT, "invalid_json_text"),
    (SqlState::INVALID_SQL_JSON_SUBSCRIPT, "invalid_sql_json_subscript"),
    (SqlState::MORE_THAN_ONE_SQL_JSON_ITEM, "more_than_one_sql_json_item"),
    (SqlState::NO_SQL_JSON_ITEM, "no_sql_json_item"),
    (SqlState::NON_NUMERIC_SQL_JSON_ITEM, "non_numeric_sql_json_item"),
    (SqlState::NON_UNIQUE_KEYS_IN_A_JSON_OBJECT, "non_unique_keys_in_a_json_object"),
    (SqlState::SINGLETON_SQL_JSON_ITEM_REQUIRED, "singleton_sql_json_item_required"),
    (SqlState::SQL_JSON_ARRAY_NOT_FOUND, "sql_json_array_not_found"),
    (SqlState::SQL_JSON_MEMBER_NOT_FOUND, "sql_json_member_not_found"),
    (SqlState::SQL_JSON_NUMBER_NOT_FOUND, "sql_json_number_not_found"),
    (SqlState::SQL_JSON_OBJECT_NOT_FOUND, "sql_json_object_not_found"),
    (SqlState::TOO_MANY_JSON_ARRAY_ELEMENTS, "too_many_json_array_elements"),
    (SqlState::TOO_MANY_JSON_OBJECT_MEMBERS, "too_many_json_object_members"),
    (SqlState::SQL_JSON_SCALAR_REQUIRED, "sql_json_scalar_required"),
    (SqlState::SQL_JSON_ITEM_CANNOT_BE_CAST_TO_TARGET_TYPE, "sql_json_item_cannot_be_cast_to_target_type"),
    (SqlState::INTEGRITY_CONSTRAINT_VIOLATION, "integrity_constraint_violation"),
    (SqlState::RESTRICT_VIOLATION, "restrict_violation"),
    (SqlState::NOT_NULL_VIOLATION, "not_null_violation"),
    (SqlState::FOREIGN_KEY_VIOLATION, "foreign_key_violation"),
    (SqlState::UNIQUE_VIOLATION, "unique_violation"),
    (SqlState::CHECK_VIOLATION, "check_violation"),
    (SqlState::EXCLUSION_VIOLATION, "exclusion_violation"),
    (SqlState::INVALID_CURSOR_STATE, "invalid_cursor_state"),
    (SqlState::INVALID_TRANSACTION_STATE, "invalid_transaction_state"),
    (SqlState::ACTIVE_SQL_TRANSACTION, "active_sql_transaction"),
    (SqlState::BRANCH_TRANSACTION_ALREADY_ACTIVE, "branch_transaction_already_active"),
    (SqlState::HELD_CURSOR_REQUIRES_SAME_ISOLATION_LEVEL, "held_cursor_requires_same_isolation_level"),
    (SqlState::INAPPROPRIATE_ACCESS_MODE_FOR_BRANCH_TRANSACTION, "inappropriate_access_mode_for_branch_transaction"),
    (SqlState::INAPPROPRIATE_ISOLATION_LEVEL_FOR_BRANCH_TRANSACTION, "inappropriate_isolation_level_for_branch_transaction"),
    (SqlState::NO_ACTIVE_SQL_TRANSACTION_FOR_BRANCH_TRANSACTION, "no_active_sql_transaction_for_branch_transaction"),
    (SqlState::READ_ONLY_SQL_TRANSACTION, "read_only_sql_transaction"),
    (SqlState::SCHEMA_AND_DATA_STATEMENT_MIXING_NOT_SUPPORTED, "schema_and_data_statement_mixing_not_supported"),
    (SqlState::NO_ACTIVE_SQL_TRANSACTION, "no_active_sql_transaction"),
    (SqlState::IN_FAILED_SQL_TRANSACTION, "in_failed_sql_transaction"),
    (SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT, "idle_in_transaction_session_timeout"),
    (SqlState::INVALID_SQL_STATEMENT_NAME, "invalid_sql_statement_name"),
    (SqlState::TRIGGERED_DATA_CHANGE_VIOLATION, "triggered_data_change_violation"),
    (SqlState::INVALID_AUTHORIZATION_SPECIFICATION, "invalid_authorization_specification"),
    (SqlState::INVALID_PASSWORD, "invalid_password"),
    (SqlState::DEPENDENT_PRIVILEGE_DESCRIPTORS_STILL_EXIST, "dependent_privilege_descriptors_still_exist"),
    (SqlState::DEPENDENT_OBJECTS_STILL_EXIST, "dependent_objects_still_exist"),
    (SqlState::INVALID_TRANSACTION_TERMINATION, "invalid_transaction_termination"),
    (SqlState::SQL_ROUTINE_EXCEPTION, "sql_routine_exception"),
    (SqlState::S_R_E_FUNCTION_EXECUTED_NO_RETURN_STATEMENT, "function_executed_no_return_statement"),
    (SqlState::S_R_E_MODIFYING_SQL_DATA_NOT_PERMITTED, "modifying_sql_data_not_permitted"),
    (SqlState::S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED, "prohibited_sql_statement_attempted"),
    (SqlState::S_R_E_READING_SQL_DATA_NOT_PERMITTED, "reading_sql_data_not_permitted"),
    (SqlState::INVALID_CURSOR_NAME, "invalid_cursor_name"),
    (SqlState::EXTERNAL_ROUTINE_EXCEPTION, "external_routine_exception"),
    (SqlState::E_R_E_CONTAINING_SQL_NOT_PERMITTED, "containing_sql_not_permitted"),
    (SqlState::E_R_E_MODIFYING_SQL_DATA_NOT_PERMITTED, "modifying_sql_data_not_permitted"),
    (SqlState::E_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED, "prohibited_sql_statement_attempted"),
    (SqlState::E_R_E_READING_SQL_DATA_NOT_PERMITTED, "reading_sql_data_not_permitted"),
    (SqlState::EXTERNAL_ROUTINE_INVOCATION_EXCEPTION, "external_routine_invocation_exception"),
    (SqlState::E_R_I_E_INVALID_SQLSTATE_RETURNED, "invalid_sqlstate_returned"),
    (SqlState::E_R_I_E_NULL_VALUE_NOT_ALLOWED, "null_value_not_allowed"),
    (SqlState::E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, "trigger_protocol_violated"),
    (SqlState::E_R_I_E_SRF_PROTOCOL_VIOLATED, "srf_protocol_violated"),
    (SqlState::E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED, "event_trigger_protocol_violated"),
    (SqlState::SAVEPOINT_EXCEPTION, "savepoint_exception"),
    (SqlState::S_E_INVALID_SPECIFICATION, "invalid_savepoint_specification"),
    (SqlState::INVALID_CATALOG_NAME, "invalid_catalog_name"),
    (SqlState::INVALID_SCHEMA_NAME, "invalid_schema_name"),
    (SqlState::TRANSACTION_ROLLBACK, "transaction_rollback"),
    (SqlState::T_R_INTEGRITY_CONSTRAINT_VIOLATION, "transaction_integrity_constraint_violation"),
    (SqlState::T_R_SERIALIZATION_FAILURE, "serialization_failure"),
    (SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN, "statement_completion_unknown"),
    (SqlState::T_R_DEADLOCK_DETECTED, "deadlock_detected"),
    (SqlState::SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION, "syntax_error_or_access_rule_violation"),
    (SqlState::SYNTAX_ERROR, "syntax_error"),
    (SqlState::INSUFFICIENT_PRIVILEGE, "insufficient_privilege"),
    (SqlState::CANNOT_COERCE, "cannot_coerce"),
    (SqlState::GROUPING_ERROR, "grouping_error"),
    (SqlState::WINDOWING_ERROR, "windowing_error"),
    (SqlState::INVALID_RECURSION, "invalid_recursion"),
    (SqlState::INVALID_FOREIGN_KEY, "invalid_foreign_key"),
    (SqlState::INVALID_NAME, "invalid_name"),
    (SqlState::NAME_TOO_LONG, "name_too_long"),
    (SqlState::RESERVED_NAME, "reserved_name"),
    (SqlState::DATATYPE_MISMATCH, "datatype_mismatch"),
    (SqlState::INDETERMINATE_DATATYPE, "indeterminate_datatype"),
    (SqlState::COLLATION_MISMATCH, "collation_mismatch"),
    (SqlState::INDETERMINATE_COLLATION, "indeterminate_collation"),
    (SqlState::WRONG_OBJECT_TYPE, "wrong_object_type"),
    (SqlState::GENERATED_ALWAYS, "generated_always"),
    (SqlState::UNDEFINED_COLUMN, "undefined_column"),
    (SqlState::UNDEFINED_CURSOR, "undefined_cursor"),
    (SqlState::UNDEFINED_DATABASE, "undefined_database"),
    (SqlState::UNDEFINED_FUNCTION, "undefined_function"),
    (SqlState::UNDEFINED_PSTATEMENT, "undefined_pstatement"),
    (SqlState::UNDEFINED_SCHEMA, "undefined_schema"),
    (SqlState::UNDEFINED_TABLE, "undefined_table"),
    (SqlState::UNDEFINED_PARAMETER, "undefined_parameter"),
    (SqlState::UNDEFINED_OBJECT, "undefined_object"),
    (SqlState::DUPLICATE_COLUMN, "duplicate_column"),
    (SqlState::DUPLICATE_CURSOR, "duplicate_cursor"),
    (SqlState::DUPLICATE_DATABASE, "duplicate_database"),
    (SqlState::DUPLICATE_FUNCTION, "duplicate_function"),
    (SqlState::DUPLICATE_PSTATEMENT, "duplicate_prepared_statement"),
    (SqlState::DUPLICATE_SCHEMA, "duplicate_schema"),
    (SqlState::DUPLICATE_TABLE, "duplicate_table"),
    (SqlState::DUPLICATE_ALIAS, "duplicate_alias"),
    (SqlState::DUPLICATE_OBJECT, "duplicate_object"),
    (SqlState::AMBIGUOUS_COLUMN, "ambiguous_column"),
    (SqlState::AMBIGUOUS_FUNCTION, "ambiguous_function"),
    (SqlState::AMBIGUOUS_PARAMETER, "ambiguous_parameter"),
    (SqlState::AMBIGUOUS_ALIAS, "ambiguous_alias"),
    (SqlState::INVALID_COLUMN_REFERENCE, "invalid_column_reference"),
    (SqlState::INVALID_COLUMN_DEFINITION, "invalid_column_definition"),
    (SqlState::INVALID_CURSOR_DEFINITION, "invalid_cursor_definition"),
    (SqlState::INVALID_DATABASE_DEFINITION, "invalid_database_definition"),
    (SqlState::INVALID_FUNCTION_DEFINITION, "invalid_function_definition"),
    (SqlState::INVALID_PSTATEMENT_DEFINITION, "invalid_prepared_statement_definition"),
    (SqlState::INVALID_SCHEMA_DEFINITION, "invalid_schema_definition"),
    (SqlState::INVALID_TABLE_DEFINITION, "invalid_table_definition"),
    (SqlState::INVALID_OBJECT_DEFINITION, "invalid_object_definition"),
    (SqlState::WITH_CHECK_OPTION_VIOLATION, "with_check_option_violation"),
    (SqlState::INSUFFICIENT_RESOURCES, "insufficient_resources"),
    (SqlState::DISK_FULL, "disk_full"),
    (SqlState::OUT_OF_MEMORY, "out_of_memory"),
    (SqlState::TOO_MANY_CONNECTIONS, "too_many_connections"),
    (SqlState::CONFIGURATION_LIMIT_EXCEEDED, "configuration_limit_exceeded"),
    (SqlState::PROGRAM_LIMIT_EXCEEDED, "program_limit_exceeded"),
    (SqlState::STATEMENT_TOO_COMPLEX, "statement_too_complex"),
    (SqlState::TOO_MANY_COLUMNS, "too_many_columns"),
    (SqlState::TOO_MANY_ARGUMENTS, "too_many_arguments"),
    (SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "object_not_in_prerequisite_state"),
    (SqlState::OBJECT_IN_USE, "object_in_use"),
    (SqlState::CANT_CHANGE_RUNTIME_PARAM, "cant_change_runtime_param"),
    (SqlState::LOCK_NOT_AVAILABLE, "lock_not_available"),
    (SqlState::UNSAFE_NEW_ENUM_VALUE_USAGE, "unsafe_new_enum_value_usage"),
    (SqlState::OPERATOR_INTERVENTION, "operator_intervention"),
    (SqlState::QUERY_CANCELED, "query_canceled"),
    (SqlState::ADMIN_SHUTDOWN, "admin_shutdown"),
    (SqlState::CRASH_SHUTDOWN, "crash_shutdown"),
    (SqlState::CANNOT_CONNECT_NOW, "cannot_connect_now"),
    (SqlState::DATABASE_DROPPED, "database_dropped"),
    (SqlState::IDLE_SESSION_TIMEOUT, "idle_session_timeout"),
    (SqlState::SYSTEM_ERROR, "system_error"),
    (SqlState::IO_ERROR, "io_error"),
    (SqlState::UNDEFINED_FILE, "undefined_file"),
    (SqlState::DUPLICATE_FILE, "duplicate_file"),
    (SqlState::SNAPSHOT_TOO_OLD, "snapshot_too_old"),
    (SqlState::CONFIG_FILE_ERROR, "config_file_error"),
    (SqlState::LOCK_FILE_EXISTS, "lock_file_exists"),
    (SqlState::INTERNAL_ERROR, "internal_error"),
    (SqlState::DATA_CORRUPTED, "data_corrupted"),
    (SqlState::INDEX_CORRUPTED, "index_corrupted"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_five_characters_and_a_name() {
        for (state, name) in ALL {
            assert_eq!(state.code().len(), 5, "{name}");
            assert_eq!(SqlState::from_code(state.code()).map(|found| found.code()), Some(state.code()));
        }
        assert_eq!(SqlState::UNDEFINED_TABLE.condition(), Some("undefined_table"));
        assert_eq!(SqlState::UNDEFINED_TABLE.class(), "42");
        assert_eq!(SqlState::from_code("ZZZZZ"), None);
    }
}
