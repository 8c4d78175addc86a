import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.text.ParseException;
import java.util.Date;
import java.util.TimeZone;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.quartz.CronExpression;

/**
 * Answers each line "expression|zone|epochMillis" with Quartz's next fire times in epoch milliseconds, or with
 * REFUSED and Quartz's reason, or with HANGS where Quartz does not return within the limit.
 */
public final class Next {
    private static final int TIMES = 3;
    private static final long LIMIT_MILLIS = 400;

    private static ExecutorService worker = daemon();

    private Next() {}

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        String line;
        while ((line = in.readLine()) != null) {
            out.println(answer(line));
        }
        out.flush();
        System.exit(0); // without waiting for threads that hang
    }

    private static String answer(String line) throws InterruptedException {
        Future<String> pending = worker.submit(() -> times(line));
        try {
            return pending.get(LIMIT_MILLIS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException hangs) {
            worker = daemon(); // the old one is lost: CronExpression cannot be interrupted
            return "HANGS";
        } catch (ExecutionException failed) {
            return "REFUSED " + failed.getCause();
        }
    }

    private static String times(String line) throws ParseException {
        String[] parts = line.split("\\|");
        CronExpression cron = new CronExpression(parts[0]);
        cron.setTimeZone(TimeZone.getTimeZone(parts[1]));
        Date date = new Date(Long.parseLong(parts[2]));
        StringBuilder found = new StringBuilder();
        for (int count = 0; count < TIMES; count++) {
            date = cron.getNextValidTimeAfter(date);
            if (date == null) {
                return found.append("none").toString();
            }
            found.append(date.getTime()).append(' ');
        }
        return found.toString().trim();
    }

    private static ExecutorService daemon() {
        return Executors.newSingleThreadExecutor(
                task -> {
                    Thread thread = new Thread(task);
                    thread.setDaemon(true);
                    return thread;
                });
    }
}
