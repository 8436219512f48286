// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Keeps a Java machine busy: interpreted and compiled code, its collector, waiting threads.
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

public class Busy {
	static int recursion(int n) {
		return n < 2 ? n : recursion(n - 1) + recursion(n - 2);
	}

	static int objects() {
		Map<String, List<Integer>> map = new HashMap<>();
		Random random = new Random(1);
		for (int i = 0; i < 5000; i++)
			map.computeIfAbsent("key " + i % 100, k -> new ArrayList<>()).add(random.nextInt());
		int sum = 0;
		for (List<Integer> list : map.values()) {
			Collections.sort(list);
			sum += list.get(0);
		}
		return sum;
	}

	static void naps() {
		Object lock = new Object();
		for (;;) {
			synchronized (lock) {
				try {
					lock.wait(5);
				} catch (InterruptedException e) {
					return;
				}
			}
			objects();
		}
	}

	public static void main(String[] args) {
		Thread t = new Thread(Busy::naps);
		t.setDaemon(true);
		t.start();
		System.out.println("ready");
		long sum = 0;
		for (;;)
			sum += recursion(20) + objects();
	}
}
