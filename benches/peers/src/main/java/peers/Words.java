package peers;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What the word count takes for a word: a run of ASCII letters, lower-cased. */
final class Words {
    private Words() { }

    static List<String> of(String line) {
        List<String> words = new ArrayList<>();
        int start = 0;
        for (int end = 0; end <= line.length(); end++) {
            if (end < line.length() && isLetter(line.charAt(end))) continue;
            if (start < end) words.add(line.substring(start, end).toLowerCase(Locale.ROOT));
            start = end + 1;
        }
        return words;
    }

    private static boolean isLetter(char c) {
        return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z';
    }
}
