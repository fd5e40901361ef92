// pgjdbc at work: url, user, password, then
//   queries text|binary FILES   runs each file's query and prints the rows
//   types                       every type, in the simple and the extended protocol, text and binary
//   driver                      batches, fetch size, COPY, errors, cancel, metadata of results

import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.Timer;
import java.util.TimerTask;
import java.util.UUID;
import org.postgresql.PGConnection;

public class Client {
    static String url;
    static String user;
    static String password;

    public static void main(String[] arguments) throws Exception {
        url = arguments[0];
        user = arguments[1];
        password = arguments[2];
        switch (arguments[3]) {
            case "queries" -> queries(arguments[4], Arrays.copyOfRange(arguments, 5, arguments.length));
            case "types" -> types();
            case "driver" -> driver();
            default -> throw new IllegalArgumentException(arguments[3]);
        }
    }

    // form: "simple" is the simple protocol; "text" and "binary" are the extended one, binary from the first execution
    static Connection connect(String form) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", user);
        properties.setProperty("password", password);
        switch (form) {
            case "simple" -> properties.setProperty("preferQueryMode", "simple");
            case "text" -> properties.setProperty("binaryTransfer", "false");
            case "binary" -> {
                properties.setProperty("prepareThreshold", "-1");
                // pgjdbc asks for these as text unless told otherwise
                properties.setProperty("binaryTransferEnable", "DATE,NUMERIC,BOOL,TEXT,VARCHAR");
            }
            default -> throw new IllegalArgumentException(form);
        }
        return DriverManager.getConnection(url, properties);
    }

    static void queries(String form, String[] files) throws Exception {
        try (Connection connection = connect(form)) {
            for (String file : files) {
                try (PreparedStatement statement = connection.prepareStatement(Files.readString(Path.of(file)));
                     ResultSet rows = statement.executeQuery()) {
                    int columns = rows.getMetaData().getColumnCount();
                    while (rows.next()) {
                        List<String> cells = new ArrayList<>();
                        for (int column = 1; column <= columns; column++) {
                            String cell = rows.getString(column);
                            cells.add(cell == null ? "\\N" : cell);
                        }
                        System.out.println(String.join("\t", cells));
                    }
                    System.out.println();
                }
            }
        }
    }

    static int failures = 0;

    static void check(String what, Object found, Object expected) {
        if (!Objects.deepEquals(found, expected)) {
            failures++;
            System.out.println(what + ": " + shown(found) + " instead of " + shown(expected));
        }
    }

    static String shown(Object value) {
        if (value instanceof Object[] array) {
            return Arrays.deepToString(array);
        }
        if (value instanceof byte[] bytes) {
            return Arrays.toString(bytes);
        }
        return value == null ? "null" : value.getClass().getSimpleName() + " " + value;
    }

    record Kind(String name, Object value, String text) {}

    static void types() throws Exception {
        byte[] bytes = {0, 1, -1, 'x'};
        List<Kind> kinds = List.of(
            new Kind("boolean", true, "t"),
            new Kind("smallint", (short) -32768, "-32768"),
            new Kind("integer", 2147483647, "2147483647"),
            new Kind("bigint", Long.MIN_VALUE, "-9223372036854775808"),
            new Kind("real", 1.5f, "1.5"),
            new Kind("double precision", 0.1, "0.1"),
            new Kind("numeric(10,2)", new BigDecimal("-12345678.90"), "-12345678.90"),
            new Kind("text", "é 日本 \\ ' \" \t \n", "é 日本 \\ ' \" \t \n"),
            new Kind("varchar(5)", "12345", "12345"),
            new Kind("char(5)", "ab   ", "ab   "),
            new Kind("bytea", bytes, "\\x0001ff78"),
            new Kind("date", LocalDate.of(2024, 2, 29), "2024-02-29"),
            new Kind("time", LocalTime.of(23, 59, 59, 123456000), "23:59:59.123456"),
            new Kind("timestamp", LocalDateTime.of(1, 1, 1, 0, 0, 0, 1000), "0001-01-01 00:00:00.000001"),
            new Kind("timestamptz", OffsetDateTime.of(2024, 6, 1, 12, 0, 0, 0, ZoneOffset.UTC), "2024-06-01 12:00:00+00"),
            new Kind("uuid", UUID.fromString("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"));
        try (Connection setup = connect("simple"); Statement statement = setup.createStatement()) {
            for (int number = 0; number < kinds.size(); number++) {
                statement.execute("CREATE TABLE j" + number + " (id integer, v " + kinds.get(number).name + ")");
            }
            statement.execute("CREATE TABLE a (id integer, i integer[], t text[], n numeric(10,2)[])");
        }
        int id = 0;
        for (String form : List.of("simple", "text", "binary")) {
            try (Connection connection = connect(form)) {
                for (int number = 0; number < kinds.size(); number++) {
                    Kind kind = kinds.get(number);
                    String what = form + " " + kind.name;
                    if (kind.value instanceof byte[] && form.equals("simple")) {
                        continue; // the driver cannot send bytes that way
                    }
                    try {
                        id++;
                        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO j" + number + " VALUES (?, ?)")) {
                            insert.setInt(1, id);
                            insert.setObject(2, kind.value);
                            check(what + " insert", insert.executeUpdate(), 1);
                            insert.setInt(1, -id);
                            insert.setObject(2, null);
                            insert.executeUpdate();
                        }
                        try (PreparedStatement select = connection.prepareStatement("SELECT v FROM j" + number + " WHERE id = ?")) {
                            select.setInt(1, id);
                            try (ResultSet rows = select.executeQuery()) {
                                check(what + " found", rows.next(), true);
                                check(what, value(rows, kind.value), kind.value);
                                if (!form.equals("binary")) {
                                    check(what + " text", rows.getString(1), kind.text);
                                }
                            }
                            select.setInt(1, -id);
                            try (ResultSet rows = select.executeQuery()) {
                                check(what + " null found", rows.next(), true);
                                check(what + " null", rows.getObject(1), null);
                            }
                        }
                    } catch (SQLException error) {
                        check(what, error.getSQLState() + " " + error.getMessage(), "no error");
                    }
                }
                try {
                    arrays(connection, form, ++id);
                } catch (SQLException error) {
                    check(form + " arrays", error.getSQLState() + " " + error.getMessage(), "no error");
                }
            }
        }
        finish();
    }

    static Object value(ResultSet rows, Object like) throws SQLException {
        if (like instanceof byte[]) {
            return rows.getBytes(1);
        }
        return like instanceof Short ? (Object) rows.getShort(1) : rows.getObject(1, like.getClass());
    }

    static void arrays(Connection connection, String form, int id) throws SQLException {
        Integer[] integers = {1, null, -3};
        String[] texts = {"", "NULL", null, "a \"b\", {c} \\"};
        BigDecimal[] numbers = {new BigDecimal("1.50"), null};
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO a VALUES (?, ?, ?, ?)")) {
            insert.setInt(1, id);
            insert.setArray(2, connection.createArrayOf("int4", integers));
            insert.setArray(3, connection.createArrayOf("text", texts));
            insert.setArray(4, connection.createArrayOf("numeric", numbers));
            insert.executeUpdate();
        }
        try (PreparedStatement select = connection.prepareStatement("SELECT i, t, n FROM a WHERE id = ?")) {
            select.setInt(1, id);
            try (ResultSet rows = select.executeQuery()) {
                rows.next();
                check(form + " integer[]", rows.getArray(1).getArray(), integers);
                check(form + " text[]", rows.getArray(2).getArray(), texts);
                check(form + " numeric[]", rows.getArray(3).getArray(), numbers);
            }
        }
    }

    static void driver() throws Exception {
        try (Connection connection = connect("text")) {
            check("version", connection.getMetaData().getDatabaseMajorVersion(), 15);
            check("valid", connection.isValid(5), true);
            try (Statement statement = connection.createStatement()) {
                statement.execute("CREATE TABLE t (id integer NOT NULL, name varchar(20), amount numeric(12,2))");
            }

            connection.setAutoCommit(false);
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO t VALUES (?, ?, ?)")) {
                for (int id = 0; id < 100; id++) {
                    insert.setInt(1, id);
                    insert.setString(2, "row " + id);
                    insert.setBigDecimal(3, BigDecimal.valueOf(id, 2));
                    insert.addBatch();
                }
                check("batch", Arrays.stream(insert.executeBatch()).sum(), 100);
            }
            connection.commit();

            long copied = connection.unwrap(PGConnection.class).getCopyAPI().copyIn(
                "COPY t (id, name) FROM STDIN (FORMAT csv)", new StringReader("1000,\"a, b\"\n1001,\n".repeat(1000)));
            check("copied in", copied, 2000L);
            StringWriter out = new StringWriter();
            connection.unwrap(PGConnection.class).getCopyAPI().copyOut("COPY (SELECT id FROM t WHERE id < 3 ORDER BY id) TO STDOUT", out);
            check("copied out", out.toString(), "0\n1\n2\n");
            connection.rollback();

            // pieces of a result: a portal that Execute continues
            try (Statement statement = connection.createStatement()) {
                statement.setFetchSize(7);
                try (ResultSet rows = statement.executeQuery("SELECT g FROM generate_series(1, 1000) AS g ORDER BY g")) {
                    int expected = 0;
                    while (rows.next()) {
                        check("fetched", rows.getInt(1), ++expected);
                    }
                    check("all fetched", expected, 1000);
                }
            }
            connection.commit();

            // the tenth execution uses a server-side prepared statement
            try (PreparedStatement select = connection.prepareStatement("SELECT name, amount FROM t WHERE id = ?")) {
                for (int id = 0; id < 10; id++) {
                    select.setInt(1, id);
                    try (ResultSet rows = select.executeQuery()) {
                        rows.next();
                        check("prepared", rows.getString(1) + " " + rows.getBigDecimal(2), "row " + id + " 0.0" + id);
                        ResultSetMetaData described = rows.getMetaData();
                        check("type", described.getColumnType(1) + "," + described.getPrecision(1), "12,20");
                        check("scale", described.getPrecision(2) + "," + described.getScale(2), "12,2");
                    }
                }
            }
            connection.commit();

            try (Statement statement = connection.createStatement()) {
                statement.executeQuery("SELECT 1/0");
                check("division", "an answer", "an error");
            } catch (SQLException error) {
                check("division", error.getSQLState(), "22012");
            }
            try (Statement statement = connection.createStatement()) {
                statement.executeQuery("SELECT 1");
                check("failed transaction", "an answer", "an error");
            } catch (SQLException error) {
                check("failed transaction", error.getSQLState(), "25P02");
            }
            connection.rollback();

            try (Statement statement = connection.createStatement()) {
                new Timer(true).schedule(new TimerTask() {
                    @Override
                    public void run() {
                        try {
                            statement.cancel();
                        } catch (SQLException error) {
                            check("cancel", error.getMessage(), "no error");
                        }
                    }
                }, 500);
                statement.executeQuery("SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b");
                check("cancel", "an answer", "an error");
            } catch (SQLException error) {
                check("cancel", error.getSQLState(), "57014");
            }
            connection.rollback();

            connection.setReadOnly(true);
            try (Statement statement = connection.createStatement()) {
                statement.executeUpdate("INSERT INTO t VALUES (1)");
                check("read only", "done", "an error");
            } catch (SQLException error) {
                check("read only", error.getSQLState(), "25006");
            }
        }
        finish();
    }

    static void finish() {
        if (failures > 0) {
            System.exit(1);
        }
        System.out.println("ok");
    }
}
